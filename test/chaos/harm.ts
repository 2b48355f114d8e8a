import { setTimeout as sleep } from "node:timers/promises";
import type { Rng } from "../../src/base/index.js";
import type { Stage } from "./under-load.js";

const CALM_MS_MIN = 200;
const CALM_MS_MAX = 3_000;
const AWAY_MS_MIN = 100;
const AWAY_MS_MAX = 2_000;

/** Kills one node after the other with SIGKILL, whatever else goes on, and starts each again; one is away at a time. */
export class Harm {
  readonly kills: string[] = [];
  readonly #stage: Stage;
  readonly #rng: Rng;
  readonly #stopped = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #failure: Error | undefined;

  constructor(stage: Stage, rng: Rng) {
    this.#stage = stage;
    this.#rng = rng;
  }

  start(): void {
    this.#running = this.#run().catch((error: unknown) => {
      this.#failure = error as Error;
    });
  }

  /** Resolves when every node runs again. Throws when one did not. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #run(): Promise<void> {
    for (;;) {
      await this.#pause(this.#rng.between(CALM_MS_MIN, CALM_MS_MAX));
      if (this.#stopped.signal.aborted) return;
      await this.#killOne();
    }
  }

  async #killOne(): Promise<void> {
    const { cluster, recorder, say } = this.#stage;
    const { nodes } = cluster;
    const name = nodes[this.#rng.between(0, nodes.length)] as string;
    if (!cluster.isRunning(name)) return;
    recorder.add({ op: "fault", invoke: performance.now(), what: "kill", target: name });
    this.kills.push(name);
    await cluster.kill(name);
    await sleep(this.#rng.between(AWAY_MS_MIN, AWAY_MS_MAX));
    // It may have been removed from the cluster meanwhile: then it is not to be started, or refuses.
    if (!cluster.nodes.includes(name)) return;
    cluster.launch(name);
    await cluster.ready(name).catch((error: unknown) => {
      if (cluster.nodes.includes(name) && !cluster.isLeaving(name)) throw error;
      say(`     ${name} was removed while it was away`);
    });
  }

  async #pause(durationMs: number): Promise<void> {
    await sleep(durationMs, undefined, { signal: this.#stopped.signal }).catch(() => undefined);
  }
}
