import { type Bounds } from "../check/bounds.js";
import { HistoryChecker } from "../check/checker.js";
import { checkInvariants, type Machine, QueueMachine } from "../../src/partition/index.js";
import type { CoverageCounts } from "./coverage.js";
import { drawOptions, type SimOptions } from "./options.js";
import type { MixName } from "./mixes.js";
import { Nemesis } from "./nemesis.js";
import { MembershipNemesis } from "./membership-nemesis.js";
import { unsettled } from "./convergence.js";
import { metaGroup } from "../../src/cluster/index.js";
import { withLimits } from "./limits-override.js";
import type { SimNode } from "./sim-node.js";
import { SimWorld } from "./sim-world.js";
import { formatEntry } from "./timeline.js";
import { Workload } from "./workload.js";
import { World } from "./world.js";

export interface SeedResult {
  readonly seed: number;
  readonly mix: MixName;
  /** Undefined when all is well. */
  readonly failure: string | undefined;
  /** Where it was thrown, if it was. */
  readonly stack: string | undefined;
  readonly traceHash: number;
  readonly coverage: CoverageCounts;
  readonly events: number;
  readonly operations: number;
  readonly virtualMs: number;
  /** Processor time that the run took. */
  readonly cpuMs: number;
  /** The end of the story, when it was kept. */
  readonly timeline: readonly string[];
  /** What repeats the run. */
  readonly command: string;
}

export interface RunOptions {
  readonly mix?: MixName | undefined;
  /** Keeps the story: slower. */
  readonly timeline?: boolean | undefined;
  /** Lines of the story to return. */
  readonly timelineMax?: number | undefined;
  /** Of all partitions, whichever failed. */
  readonly allPartitions?: boolean | undefined;
  /** Changes the cluster before it starts: plants a bug. */
  readonly sabotage?: ((sim: SimWorld) => void) | undefined;
}

const START_LIMIT_MS = 15_000;
/** Each partition of a healed core has a leader within this (testing.md, phase 2). */
const LEADER_LIMIT_MS = 10_000;
const POST_LIMIT_MS = 15_000;
const CONVERGE_LIMIT_MS = 40_000;
/** No change is asked for so shortly before the end of the chaos. */
const LAST_CHANGE_MS = 500;
/** Whatever was asked for is done by then, one move after the other. */
const SETTLE_LIMIT_MS = 180_000;
const DRAIN_LIMIT_MS = 600_000;

/** Runs one seed from start to verdict, in a macrotask of its own. Errors of the cluster are in the result; it never rejects for them. */
export function runSeed(seed: number, run: RunOptions = {}): Promise<SeedResult> {
  return new Promise((resolve, reject) => {
    setImmediate(() => {
      try {
        resolve(runNow(seed, run));
      } catch (error) {
        reject(asError(error));
      }
    });
  });
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function runNow(seed: number, run: RunOptions): SeedResult {
  const startedUs = process.cpuUsage().user;
  const options = drawOptions(seed, run.mix);
  const world = new World(seed, run.timeline);
  const unhandled = (error: unknown): void => {
    world.threw(undefined, error);
  };
  process.on("unhandledRejection", unhandled);
  let workload: Workload | undefined;
  try {
    withLimits(options, () => {
      const sim = new SimWorld(world, options);
      workload = new Workload(sim);
      run.sabotage?.(sim);
      new Script(sim, workload).play();
    });
  } finally {
    process.off("unhandledRejection", unhandled);
  }
  const { failure } = world;
  const lines = run.timelineMax ?? 80;
  return {
    seed,
    mix: options.mix,
    failure: failure?.message,
    stack: failure?.cause instanceof Error ? failure.cause.stack : undefined,
    traceHash: world.traceHash,
    coverage: world.coverage.counts,
    events: world.events,
    operations: workload?.history.length ?? 0,
    virtualMs: world.nowMs,
    cpuMs: (process.cpuUsage().user - startedUs) / 1_000,
    timeline: world.timeline
      .last(run.allPartitions === true ? undefined : groupOf(failure?.message), lines)
      .map(formatEntry),
    command: `npm run simulate -- --seed ${String(seed)}${run.mix === undefined ? "" : ` --mix "${run.mix}"`}`,
  };
}

/** The partition that a failure is about. */
function groupOf(failure: string | undefined): number | undefined {
  const found = /partition (\d+)/.exec(failure ?? "");
  return found === null ? undefined : Number(found[1]);
}

/** What happens in a run: chaos; a core that is healed must serve; all is healed and must agree; everything is drained and judged. */
class Script {
  readonly #sim: SimWorld;
  readonly #world: World;
  readonly #options: SimOptions;
  readonly #workload: Workload;

  constructor(sim: SimWorld, workload: Workload) {
    this.#sim = sim;
    this.#world = sim.world;
    this.#options = sim.options;
    this.#workload = workload;
  }

  play(): void {
    const steps = [
      () => this.#start(),
      () => this.#chaos(),
      () => this.#healCore(),
      () => this.#healAll(),
      () => this.#drain(),
      () => this.#judge(),
    ];
    for (const step of steps) {
      step();
      if (this.#world.failure !== undefined) return;
    }
  }

  /** Lets virtual time pass until `condition` holds; fails the run after `limitMs`. */
  #within(limitMs: number, what: string, condition: () => boolean, detail?: () => string): void {
    const untilMs = this.#world.nowMs + limitMs;
    while (this.#world.failure === undefined && !condition()) {
      if (this.#world.nowMs >= untilMs) {
        this.#world.fail(
          `not within ${String(limitMs / 1_000)} s: ${what}${detail === undefined ? "" : ` (${detail()})`}`,
        );
        return;
      }
      this.#world.run(Math.min(untilMs, this.#world.nowMs + 25));
    }
  }

  /** Lets virtual time pass until `work` is done. */
  #finish(limitMs: number, what: string, work: Promise<void>): void {
    const progress = { settled: false };
    work.then(
      () => {
        progress.settled = true;
      },
      (error: unknown) => {
        this.#world.threw(undefined, error);
      },
    );
    const settled = this.#world.run(this.#world.nowMs + limitMs, () => progress.settled);
    if (!settled) this.#world.fail(`not within ${String(limitMs / 1_000)} s: ${what}`);
  }

  #start(): void {
    for (const node of this.#sim.nodes) node.boot();
    for (const gateway of this.#sim.gateways) gateway.boot();
    this.#within(START_LIMIT_MS, "every partition has a leader at the start", () => this.#everyoneLed(this.#sim.nodes));
  }

  #everyoneLed(nodes: readonly SimNode[]): boolean {
    for (let partition = 0; partition < this.#options.partitions; partition++) {
      const served = nodes.some((node) => node.shard?.replicas.get(partition)?.serving === true && !node.paused);
      if (!served) return false;
    }
    return true;
  }

  #chaos(): void {
    const nemesis = new Nemesis(this.#sim);
    const changes = new MembershipNemesis(this.#sim);
    this.#workload.start();
    nemesis.start();
    changes.start();
    const endMs = this.#world.nowMs + this.#options.chaosMs;
    // Whom a healed core has to do without is chosen by what the groups shall be held by then.
    this.#world.run(endMs - LAST_CHANGE_MS);
    changes.stop();
    this.#sim.operator.stop();
    this.#world.run(endMs);
    nemesis.stop();
  }

  // --- phase 2

  #healCore(): void {
    const core = this.#chooseCore();
    const rest = this.#sim.nodes.filter((node) => !core.includes(node));
    this.#world.timeline.note(undefined, `healed: ${core.map(({ name }) => name).join(" ")} only`);
    this.#sim.fabric.unblockAll();
    for (const host of this.#sim.nodeHosts) host.getsNoMaps = false;
    for (const node of core) heal(node);
    for (const gateway of this.#sim.gateways) gateway.boot();
    for (const node of rest) this.#leaveBroken(node);
    this.#within(
      LEADER_LIMIT_MS,
      "every partition of a healed core has a leader",
      () => this.#everyoneLed(core),
      () => {
        const without = Array.from({ length: this.#options.partitions }, (_, i) => i).filter(
          (partition) => !core.some((node) => node.shard?.replicas.get(partition)?.serving === true),
        );
        return without.map((partition) => `partition ${String(partition)}: ${this.#describe(partition)}`).join(" | ");
      },
    );
    if (this.#world.failure !== undefined) return;
    this.#finish(POST_LIMIT_MS, "a healed core takes new messages", this.#postUntilTaken());
  }

  /** A client that honours Retry-After comes through. */
  async #postUntilTaken(): Promise<void> {
    while (!(await this.#workload.postEverywhere())) {
      await new Promise<void>((resolve) => {
        this.#world.after(200, undefined, resolve);
      });
    }
  }

  /** As few nodes as can be, so that every partition keeps a majority of its replicas. */
  #chooseCore(): SimNode[] {
    const rng = this.#world.rng("core");
    let core = [...this.#sim.nodes];
    const candidates = [...core].sort(() => (rng.fraction() < 0.5 ? -1 : 1));
    for (const candidate of candidates) {
      const smaller = core.filter((node) => node !== candidate);
      if (this.#keepsMajorities(smaller)) core = smaller;
    }
    return core;
  }

  #keepsMajorities(nodes: readonly SimNode[]): boolean {
    const names = new Set(nodes.map(({ name }) => name));
    const groups = [metaGroup, ...Array.from({ length: this.#options.partitions }, (_, i) => i)];
    return groups.every((group) => this.#sim.lives.isServedBy(group, names, this.#sim.map));
  }

  /** A node outside the core is dead, frozen, cut off or, worst, heard but deaf. */
  #leaveBroken(node: SimNode): void {
    const rng = this.#world.rng("core");
    const { fabric } = this.#sim;
    const others = [...this.#sim.nodeHosts, ...this.#sim.gateways.map(({ host }) => host)].filter(
      (host) => host !== node.host,
    );
    const kind = rng.between(0, 5);
    node.supervised = false;
    if (kind === 0) node.kill();
    else if (kind === 1) node.pause();
    else if (kind === 2) fabric.split([node.host], others);
    else if (kind === 3) for (const other of others) fabric.block(other, node.host);
    else for (const other of others) fabric.block(node.host, other);
  }

  // --- phase 3

  #healAll(): void {
    this.#world.timeline.note(undefined, "all is healed");
    this.#sim.fabric.unblockAll();
    for (const node of this.#sim.nodes) heal(node);
    this.#workload.stop();
    this.#within(CONVERGE_LIMIT_MS, "every client has its answer", () => this.#workload.busy === 0);
    if (this.#options.membershipEveryMs > 0)
      this.#within(
        SETTLE_LIMIT_MS,
        "the cluster is as its operators asked",
        () => unsettled(this.#sim) === undefined,
        () => unsettled(this.#sim) ?? "",
      );
    for (let partition = 0; partition < this.#options.partitions; partition++)
      this.#within(
        CONVERGE_LIMIT_MS,
        `the replicas of partition ${String(partition)} agree`,
        () => this.#agree(partition),
        () => this.#describe(partition),
      );
  }

  #describe(partition: number): string {
    return this.#sim
      .nodesOf(partition)
      .map((name) => {
        const replica = this.#sim.node(name).shard?.replicas.get(partition);
        if (replica === undefined) return `${name} down`;
        const { role, term, commit, lastIndex, applied, durable, peers } = replica.core.status();
        const followers = peers.map(({ id, match, state }) => `${String(id)}:${state}@${String(match)}`).join(" ");
        return `${name} ${role} t${String(term)} last ${String(lastIndex)} durable ${String(durable)} commit ${String(commit)} applied ${String(applied)}/${String(replica.machine.appliedIndex)}${replica.installing ? " installing" : ""}${this.#sim.node(name).storage?.member.standsAside === true ? " aside" : ""} ${followers}`;
      })
      .join("; ");
  }

  #agree(partition: number): boolean {
    const machines: Machine[] = [];
    for (const name of this.#sim.nodesOf(partition)) {
      const replica = this.#sim.node(name).shard?.replicas.get(partition);
      if (replica === undefined) return false;
      const { commit, lastIndex, applied } = replica.core.status();
      if (commit !== lastIndex || applied !== commit || replica.machine.appliedIndex !== applied) return false;
      if (machines[0] !== undefined && machines[0].appliedIndex !== applied) return false;
      machines.push(replica.machine);
    }
    const hashes = new Set(machines.map((machine) => machine.stateHash()));
    if (hashes.size > 1)
      this.#world.fail(`replicas of partition ${String(partition)} differ at ${String(machines[0]?.appliedIndex)}`);
    return hashes.size === 1;
  }

  // --- phase 4

  #drain(): void {
    this.#finish(DRAIN_LIMIT_MS, "all queues are drained", this.#workload.drain());
  }

  #judge(): void {
    this.#sim.observer.finish();
    for (const gateway of this.#sim.gateways) gateway.finish();
    for (const node of this.#sim.nodes)
      for (const replica of node.shard?.replicas.values() ?? [])
        if (replica.machine instanceof QueueMachine) checkInvariants(replica.machine);
    const { clockOffsetMsMax, clockDriftMax } = this.#options;
    const skewMs = 2 * clockOffsetMsMax + clockDriftMax * this.#world.nowMs;
    const bounds: Bounds = { clockMs: 50 + skewMs, sweepMs: 1_000, lateMs: 120_000 };
    const checker = new HistoryChecker(bounds);
    for (const record of this.#workload.history) checker.add(record);
    const { valid, violations, counts } = checker.finish();
    const { coverage } = this.#world;
    coverage.add("claimsLapsed", counts.lapses);
    coverage.add("redelivered", counts.redelivered);
    coverage.add("postsRecovered", counts.recovered);
    if (valid) return;
    const [first] = violations;
    this.#world.fail(
      first === undefined
        ? "the history has no drain"
        : `${first.rule} broken on ${first.queue}: ${first.what} (${String(violations.length)} violations)`,
    );
  }
}

/** Power, time and a good disk. */
function heal(node: SimNode): void {
  node.supervised = true;
  node.temper.slowness = 1;
  node.temper.failNextSync = false;
  node.freeDisk();
  node.resume();
  node.boot();
}
