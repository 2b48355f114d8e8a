import type { EventEmitter } from "node:events";
import { ConfigError, type RunningProcess, StartRefusal } from "../config/index.js";
import { ExitCode } from "./exit-code.js";
import { SAME_SIGNAL_MS } from "./same-signal.js";

/** The parts of `process` that hosting needs; a test gives its own. */
export interface ProcessEnvironment extends Pick<EventEmitter, "on"> {
  /** True when the parent holds a channel to this process, whose end means that the parent is gone. */
  readonly connected: boolean;
  exit(code: number): void;
}

export interface HostOptions {
  /** For messages: "node n1". */
  readonly name: string;
  readonly stopTimeoutMs: number;
  /** `fatal` ends the process at once: for an error that must not be survived, a failed fsync above all. */
  readonly start: (fatal: (error: Error) => void) => Promise<RunningProcess>;
  readonly report: (severity: "info" | "fatal", message: string, error?: unknown) => void;
  readonly environment: ProcessEnvironment;
}

/**
 * Runs a node or a gateway until it is told to stop: by SIGTERM, by SIGINT, by the end of the parent that supervises it, or since
 * there is nothing left to run for.
 * Then stops it in order, within `stopTimeoutMs`; a second signal ends it at once. Anything that nobody caught ends the
 * process: its state is no longer known.
 */
export class ProcessHost {
  readonly #options: HostOptions;
  #running: RunningProcess | undefined;
  #stopAskedMs: number | undefined;

  constructor(options: HostOptions) {
    this.#options = options;
  }

  async run(): Promise<void> {
    const { environment, start, report, name } = this.#options;
    environment.on("uncaughtException", (error: unknown) => this.#die("uncaught exception", error));
    environment.on("unhandledRejection", (error: unknown) => this.#die("unhandled rejection", error));
    for (const signal of ["SIGTERM", "SIGINT"]) environment.on(signal, () => this.#askToStop(signal));
    if (environment.connected) environment.on("disconnect", () => this.#askToStop("the end of its supervisor"));
    try {
      this.#running = await start((error) => this.#die("fatal error", error));
    } catch (error) {
      if (error instanceof StartRefusal || error instanceof ConfigError) {
        report("fatal", `${name} does not start: ${error.message}`);
        environment.exit(error instanceof StartRefusal ? ExitCode.refused : ExitCode.usage);
      } else this.#die("failed to start", error);
      return;
    }
    void this.#running.over?.then((reason) => this.#askToStop(`its own end: ${reason}`));
    if (this.#stopAskedMs !== undefined) await this.#stop(this.#running);
  }

  #die(what: string, error: unknown): void {
    this.#options.report("fatal", `${this.#options.name}: ${what}`, error);
    this.#options.environment.exit(ExitCode.failed);
  }

  #askToStop(why: string): void {
    const { report, name, stopTimeoutMs, environment } = this.#options;
    if (this.#stopAskedMs !== undefined) {
      if (performance.now() - this.#stopAskedMs < SAME_SIGNAL_MS) return;
      report("fatal", `${name}: ended at once, by a second ${why}`);
      environment.exit(ExitCode.failed);
      return;
    }
    this.#stopAskedMs = performance.now();
    report("info", `${name} stops, asked by ${why}`);
    const bound = setTimeout(() => {
      report("fatal", `${name}: did not stop in order within ${stopTimeoutMs} ms, ended`);
      environment.exit(ExitCode.failed);
    }, stopTimeoutMs);
    bound.unref();
    // While it starts it cannot be stopped in order; `run` goes on from there.
    if (this.#running !== undefined) void this.#stop(this.#running);
  }

  async #stop(running: RunningProcess): Promise<void> {
    try {
      await running.stop();
      this.#options.report("info", `${this.#options.name} stopped`);
      this.#options.environment.exit(ExitCode.ok);
    } catch (error) {
      this.#die("failed to stop in order", error);
    }
  }
}
