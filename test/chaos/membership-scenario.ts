import { setTimeout as sleep } from "node:timers/promises";
import { deriveSeed, type Rng, Xoshiro128 } from "../../src/base/index.js";
import type { ChaosFlags } from "./flags.js";
import { Harm } from "./harm.js";
import { Operator } from "./operator.js";
import { type Stretch, Stretches } from "./stretches.js";
import { type Stage, underLoad, type UnderLoadResult } from "./under-load.js";

export interface ChangeResult extends UnderLoadResult {
  readonly stretches: readonly Stretch[];
  /** What was done, of what was to be done. */
  readonly changes: readonly string[];
  readonly changesWanted: number;
}

export interface ChangeFlags extends Pick<ChaosFlags, "nodes" | "partitions" | "clients" | "seed" | "patient"> {
  /** Nodes at the most. */
  readonly nodesMax: number;
  /** How long nothing changes, before, in between and after. */
  readonly calmMs: number;
  /** Nodes are killed and started again meanwhile. */
  readonly harms: boolean;
}

/** Until everything is where it shall be, after each change. */
export const SETTLE_MS_MAX = 300_000;
/** What clients try again for longer than this is an error that reached them. */
export const RETRY_MS = 30_000;

/** Grows a cluster and shrinks it again, under load. Those that leave are the meta leader, a founding member, and others. */
export async function runMembership(
  flags: ChangeFlags,
  folder: string,
  say: (line: string) => void,
): Promise<ChangeResult> {
  const changes: string[] = [];
  let stretches: readonly Stretch[] = [];
  const result = await underLoad({ ...flags, retryMs: RETRY_MS }, folder, say, async (stage) => {
    const scenario = new MembershipScenario(stage, flags, changes);
    stretches = scenario.stretches.all;
    await scenario.run();
  });
  return { ...result, stretches, changes, changesWanted: 2 * (flags.nodesMax - flags.nodes) };
}

class MembershipScenario {
  readonly stretches: Stretches;
  readonly #stage: Stage;
  readonly #flags: ChangeFlags;
  readonly #changes: string[];
  readonly #operator: Operator;
  readonly #rng: Rng;

  constructor(stage: Stage, flags: ChangeFlags, changes: string[]) {
    this.#stage = stage;
    this.#flags = flags;
    this.#changes = changes;
    this.#operator = new Operator(stage.cluster);
    this.stretches = new Stretches(stage.timeline, stage.load.probes);
    this.#rng = new Xoshiro128(deriveSeed(flags.seed, "operator"));
  }

  async run(): Promise<void> {
    const { nodes, nodesMax, calmMs } = this.#flags;
    const { cluster } = this.#stage;
    await this.#operator.settled(cluster.nodes, SETTLE_MS_MAX);
    await this.#calm(calmMs, `${nodes} nodes`);
    await this.#change(`${nodes} -> ${nodesMax}`, () => this.#grow());
    await this.#calm(calmMs, `${nodesMax} nodes`);
    await this.#change(`${nodesMax} -> ${nodes}`, () => this.#shrink());
    await this.#calm(calmMs, `${nodes} nodes again`);
  }

  /** Harm ends when everything is where it shall be; then nothing keeps leaderships from going where they shall be. */
  async #change(name: string, work: () => Promise<readonly string[]>): Promise<void> {
    const { cluster, say } = this.#stage;
    const sinceMs = performance.now();
    const harm = new Harm(this.#stage, this.#rng);
    if (this.#flags.harms) harm.start();
    try {
      const done = await work();
      await this.#operator.placed(cluster.nodes, SETTLE_MS_MAX);
      this.#changes.push(...done);
    } finally {
      await harm.stop();
    }
    await this.#operator.settled(cluster.nodes, SETTLE_MS_MAX);
    this.stretches.end(name);
    const killed = harm.kills.length === 0 ? "" : `; killed meanwhile: ${harm.kills.join(" ")}`;
    say(`     ${name}: ${cluster.nodes.join(" ")}, settled after ${seconds(sinceMs)}${killed}`);
  }

  async #calm(durationMs: number, name: string): Promise<void> {
    this.stretches.begin();
    await sleep(durationMs);
    this.stretches.end(name);
  }

  /** All at once. */
  async #grow(): Promise<readonly string[]> {
    const { nodes, nodesMax } = this.#flags;
    const { cluster, recorder } = this.#stage;
    const names = Array.from({ length: nodesMax - nodes }, (_, i) => `n${nodes + i + 1}`);
    for (const name of names) {
      recorder.add({ op: "fault", invoke: performance.now(), what: "join", target: name });
      cluster.join(name);
    }
    if (!this.#flags.harms) await Promise.all(names.map((name) => cluster.ready(name)));
    return names.map((name) => `${name} joined`);
  }

  /** One after the other; first who leads the meta group, then a founding member. */
  async #shrink(): Promise<readonly string[]> {
    const { nodes, nodesMax } = this.#flags;
    const done: string[] = [];
    for (let left = nodesMax; left > nodes; left--) {
      const name = left === nodesMax ? await this.#operator.metaLeader() : this.#nextToLeave();
      await this.#remove(name);
      done.push(`${name} left`);
    }
    return done;
  }

  #nextToLeave(): string {
    const { nodes } = this.#stage.cluster;
    const founders = nodes.filter((name) => Number(name.slice(1)) <= this.#flags.nodes);
    const rest = founders.length === this.#flags.nodes ? founders : nodes;
    return rest[this.#rng.between(0, rest.length)] as string;
  }

  async #remove(name: string): Promise<void> {
    const { cluster, recorder, say } = this.#stage;
    const leads = await cluster.ledBy(name);
    const metaLeader = await this.#operator.metaLeader();
    const sinceMs = performance.now();
    recorder.add({ op: "fault", invoke: sinceMs, what: "remove", target: name });
    await this.#operator.remove(name, SETTLE_MS_MAX);
    const took = seconds(sinceMs);
    await cluster.forget(name);
    const meta = name === metaLeader ? " and the meta group" : "";
    say(`     ${name}, leading ${leads.length} partitions${meta}, was removed in ${took}`);
  }
}

export const seconds = (sinceMs: number): string => `${((performance.now() - sinceMs) / 1_000).toFixed(1)} s`;
