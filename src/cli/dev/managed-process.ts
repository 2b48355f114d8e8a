import { type ChildProcess, spawn } from "node:child_process";
import fs from "node:fs";

/** A log that has grown beyond this is set aside at the next start; one older log is kept. */
const LOG_BYTES_MAX = 16 * 1024 * 1024;

export interface ProcessPlan {
  /** "n1", "gateway". */
  readonly name: string;
  /** Arguments of Node itself, then of `main.js`. */
  readonly nodeArgs: readonly string[];
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly logFile: string;
  /** Answers 200 when the process does its work. */
  readonly readyUrl: string;
  readonly metricsUrl: string;
}

export interface ProcessEnd {
  /** "exit code 3", "SIGKILL". */
  readonly how: string;
  readonly code: number | undefined;
  readonly ranMs: number;
}

/**
 * One run of one child. Its output goes straight into its log file, so that it does not hang or die with the supervisor. It
 * has a process group of its own, so that Ctrl-C reaches only the supervisor, which stops things in order; and it holds a
 * channel whose end tells it that the supervisor is gone.
 */
export class ManagedProcess {
  readonly plan: ProcessPlan;
  readonly pid: number | undefined;
  readonly ended: Promise<ProcessEnd>;
  #hasEnded = false;
  readonly #child: ChildProcess;

  constructor(plan: ProcessPlan, entry: string) {
    this.plan = plan;
    const sinceMs = performance.now();
    const output = openLog(plan.logFile);
    this.#child = spawn(process.execPath, [...plan.nodeArgs, entry, ...plan.args], {
      detached: true,
      stdio: ["ignore", output, output, "ipc"],
      env: { ...process.env, ...plan.environment },
    });
    fs.closeSync(output);
    this.pid = this.#child.pid;
    this.ended = new Promise((resolve) => {
      const end = (how: string, code: number | undefined): void => {
        this.#hasEnded = true;
        resolve({ how, code, ranMs: performance.now() - sinceMs });
      };
      this.#child.once("error", (error) => end(error.message, undefined));
      this.#child.once("exit", (code, signal) => end(signal ?? `exit code ${code}`, code ?? undefined));
    });
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Asks it to stop; kills it after `timeoutMs`. True when it stopped by itself. */
  async stop(timeoutMs: number): Promise<boolean> {
    if (this.#hasEnded) return true;
    this.#child.kill("SIGTERM");
    let bound: NodeJS.Timeout | undefined;
    const late = new Promise<"late">((resolve) => {
      bound = setTimeout(() => resolve("late"), timeoutMs);
    });
    const first = await Promise.race([this.ended, late]);
    clearTimeout(bound);
    if (first !== "late") return true;
    this.kill();
    await this.ended;
    return false;
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }
}

function openLog(file: string): number {
  const size = fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size > LOG_BYTES_MAX) fs.renameSync(file, `${file}.old`);
  return fs.openSync(file, "a");
}
