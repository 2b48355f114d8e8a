import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { FromLoad, LoadOrder, LoadResult, ToLoad } from "./load-protocol.js";

const program = fileURLToPath(new URL("../support/program.mjs", import.meta.url));
const loadMain = fileURLToPath(new URL("./load-main.ts", import.meta.url));

/** The load generator seen from the benchmark. It ends with this process, whatever happens. */
export class LoadGenerator {
  readonly #child: ChildProcess;
  #onMessage: (message: FromLoad) => void = () => undefined;
  #onEnd: (error: Error) => void = () => undefined;

  private constructor() {
    this.#child = spawn(process.execPath, [program, loadMain, "--no-build"], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    this.#child.on("message", (message) => this.#onMessage(message as FromLoad));
    this.#child.once("exit", (code) => this.#onEnd(new Error(`the load generator ended with ${code ?? "a signal"}`)));
  }

  static async start(): Promise<LoadGenerator> {
    const generator = new LoadGenerator();
    await generator.#until("ready");
    return generator;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /**
   * `opened` and `closed` are called when the time that is measured begins and ends, `period` after each period of an order that
   * has some. One order at a time.
   */
  async run(
    order: LoadOrder,
    opened: () => void,
    closed: () => void,
    period: (result: LoadResult) => void = () => undefined,
  ): Promise<LoadResult> {
    let result: LoadResult | undefined;
    const idle = this.#until("idle", (message) => {
      if (message.type === "opened") opened();
      if (message.type === "period") period(message.result);
      if (message.type !== "closed") return;
      closed();
      result = message.result;
    });
    this.#child.send({ order } satisfies ToLoad);
    await idle;
    if (result === undefined) throw new Error("the load generator gave no result");
    return result;
  }

  /** Ends an order that has periods. */
  stop(): void {
    this.#child.send("stop" satisfies ToLoad);
  }

  close(): void {
    this.#child.kill("SIGKILL");
  }

  #until(type: FromLoad["type"], each: (message: FromLoad) => void = () => undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#onEnd = reject;
      this.#onMessage = (message) => {
        each(message);
        if (message.type === type) resolve();
      };
    });
  }
}
