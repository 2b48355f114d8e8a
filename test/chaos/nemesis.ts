import { setTimeout as sleep } from "node:timers/promises";
import type { Rng } from "../../src/base/index.js";
import { usageOf } from "../bench/process-usage.js";
import type { Cluster } from "./cluster.js";
import type { Fault, FaultKind } from "./fault.js";
import { outagesOf } from "./outage.js";
import type { ProbeWriter } from "./probe.js";
import type { Recorder } from "./recorder.js";

export interface NemesisOptions {
  readonly cluster: Cluster;
  readonly recorder: Recorder;
  readonly rng: Rng;
  readonly probes: readonly ProbeWriter[];
  readonly kinds: readonly FaultKind[];
  /** At least so many faults ... */
  readonly faults: number;
  /** ... and until this time has passed. */
  readonly durationMs: number;
  readonly say: (line: string) => void;
}

// Between faults the cluster serves and works for a while; a node is away long enough for others to go on without it.
const CALM_MS_MIN = 500;
const CALM_MS_MAX = 4_000;
const AWAY_MS_MIN = 300;
const AWAY_MS_MAX = 3_000;
const PAUSE_MS_MIN = 500;
const PAUSE_MS_MAX = 5_000;
/** The second of two kills follows the first by at most this. */
const SECOND_KILL_MS_MAX = 300;

/** All partitions acknowledge again by then, or the run has failed. */
const RECOVERY_MS_MAX = 60_000;

/** Does harm to a cluster, waits until all of it serves again, and so on. */
export class Nemesis {
  readonly faults: Fault[] = [];
  readonly #options: NemesisOptions;

  constructor(options: NemesisOptions) {
    this.#options = options;
  }

  /** Throws when the cluster does not recover. */
  async run(): Promise<void> {
    const { faults, durationMs, kinds, rng } = this.#options;
    const sinceMs = performance.now();
    await this.#recovered();
    while (this.faults.length < faults || performance.now() - sinceMs < durationMs) {
      await sleep(rng.between(CALM_MS_MIN, CALM_MS_MAX));
      const kind = kinds[rng.between(0, kinds.length)] as FaultKind;
      const fault = await this.#begin(kind);
      await (kind === "pause" ? this.#pause(fault) : this.#kill(fault));
      await this.#recovered();
      this.#tell(fault);
    }
  }

  async #begin(kind: FaultKind): Promise<Fault> {
    const { cluster, recorder } = this.#options;
    const count = kind === "double" ? 2 : kind === "all" ? cluster.nodes.length : 1;
    const led = new Map<string, readonly number[]>();
    for (const node of cluster.nodes) led.set(node, await cluster.ledBy(node));
    const nodes = this.#victims(led, count);
    const partitions = nodes.flatMap((node) => led.get(node) ?? []);
    const atMs = performance.now();
    const fault: Fault = { kind, nodes, atMs, startedAgainMs: atMs, partitions, returns: [] };
    recorder.add({ op: "fault", invoke: atMs, what: kind, target: nodes.join(" ") });
    this.faults.push(fault);
    return fault;
  }

  async #kill(fault: Fault): Promise<void> {
    const { cluster, rng } = this.#options;
    for (const [i, node] of fault.nodes.entries()) {
      if (i > 0 && fault.kind === "double") await sleep(rng.between(0, SECOND_KILL_MS_MAX));
      void cluster.kill(node);
    }
    await sleep(rng.between(AWAY_MS_MIN, AWAY_MS_MAX));
    await Promise.all(fault.nodes.map((node) => cluster.kill(node)));
    fault.startedAgainMs = performance.now();
    await Promise.all(
      fault.nodes.map(async (node) => {
        cluster.launch(node);
        const readyMs = await cluster.ready(node);
        fault.returns.push({ readyMs, cpuMs: usageOf(cluster.pid(node)).cpuUs / 1_000 });
      }),
    );
  }

  async #pause(fault: Fault): Promise<void> {
    const { cluster, rng } = this.#options;
    const [node] = fault.nodes as [string];
    cluster.pause(node);
    await sleep(rng.between(PAUSE_MS_MIN, PAUSE_MS_MAX));
    cluster.resume(node);
    await cluster.ready(node);
  }

  /** Every process is ready and every partition has acknowledged a write that began after that. */
  async #recovered(): Promise<void> {
    const { cluster, probes } = this.#options;
    for (const node of cluster.nodes) await cluster.ready(node);
    const readyMs = performance.now();
    for (;;) {
      const silent = probes.filter((probe) => !probe.servedSince(readyMs));
      if (silent.length === 0) return;
      if (performance.now() - readyMs > RECOVERY_MS_MAX) {
        const partitions = silent.map((probe) => probe.partition).join(", ");
        throw new Error(
          `partitions ${partitions} do not acknowledge ${RECOVERY_MS_MAX} ms after everything runs again`,
        );
      }
      await sleep(20);
    }
  }

  #tell(fault: Fault): void {
    const returns = fault.returns.map(
      ({ readyMs, cpuMs }) => `${Math.round(readyMs)} ms (${Math.round(cpuMs)} ms of CPU)`,
    );
    const led = fault.partitions.length === 0 ? "nothing" : `partitions ${fault.partitions.join(" ")}`;
    const outages = outagesOf([fault], this.#options.probes).map(({ partition, ms }) => ({
      partition,
      ms: Math.round(ms),
    }));
    const worst = outages.sort((a, b) => b.ms - a.ms)[0];
    const out = worst === undefined ? "" : `, out for ${worst.ms} ms (${worst.partition})`;
    const back = returns.length === 0 ? "" : `; ready again ${returns.join(", ")} after its start`;
    this.#options.say(
      `${String(this.faults.length).padStart(3)}  ${fault.kind} ${fault.nodes.join(" ")}, leading ${led}${out}${back}`,
    );
  }

  /** The more a node leads, the likelier it is hit; one that leads nothing may be. */
  #victims(led: ReadonlyMap<string, readonly number[]>, count: number): string[] {
    const rest = new Map([...led].map(([node, partitions]) => [node, partitions.length + 1]));
    const victims: string[] = [];
    while (victims.length < count) {
      const sum = [...rest.values()].reduce((total, weight) => total + weight, 0);
      let draw = this.#options.rng.between(0, sum);
      const [victim] = [...rest].find(([, weight]) => (draw -= weight) < 0) as [string, number];
      rest.delete(victim);
      victims.push(victim);
    }
    return victims;
  }
}
