import { randomInt } from "node:crypto";
import { describe, expect, test } from "@jest/globals";
import { deriveSeed, type Rng, Xoshiro128 } from "../../../src/base/index.js";
import { type ErrorCode, errorCatalogue, MarconiError } from "../../../src/contract/index.js";
import { createRouter, type PartitionRouter, routerLimits } from "../../../src/gateway/router/index.js";
import { FakeCluster } from "./fake-cluster.js";
import { SimNetwork, SimNode } from "./sim-network.js";
import { RecordingLog, VirtualTime } from "./support.js";

/*
 * MARCONI_ROUTER_SEED=17 repeats a seed, MARCONI_ROUTER_SEED=1000+200 plays 200 of them from 1000 on.
 *
 * Many nodes, leadership that moves at random, streams that break, nodes that freeze and die, or leave and join, all in
 * virtual time. Whatever happens: every call settles, once and in time; a command that succeeded was executed once; one whose error says that it
 * had no effect was never executed, not even by a frame that arrives later; and reads see what was acknowledged before.
 */

const requestTimeoutMs = 1_500;
const rounds = 4;
const stepsPerRound = 100;
const partitionCount = 5;

interface Outcome {
  readonly queue: string;
  readonly code: "created" | "existed" | ErrorCode;
  readonly tookMs: number;
}

class Run {
  readonly rng: Rng;
  readonly time = new VirtualTime();
  readonly log = new RecordingLog();
  readonly cluster = new FakeCluster(partitionCount);
  readonly nodes: SimNode[];
  readonly router: PartitionRouter;
  readonly outcomes: Outcome[] = [];
  readonly wrongReads: string[] = [];
  readonly unexpected: unknown[] = [];
  readonly #acknowledged: string[] = [];
  calls = 0;
  reads = 0;
  readsSettled = 0;

  constructor(seed: number) {
    this.rng = new Xoshiro128(deriveSeed(seed, "events"));
    const network = new SimNetwork(this.time, new Xoshiro128(deriveSeed(seed, "network")));
    this.nodes = Array.from({ length: 5 }, (_, i) => new SimNode(`n${String(i)}`, network, this.cluster));
    const jitter = new Xoshiro128(deriveSeed(seed, "jitter"));
    this.router = createRouter({
      nodes: ["n0:1", "n1:1"],
      log: this.log,
      transport: network,
      clock: this.time,
      timers: this.time,
      rng: jitter,
      newSession: () => 1 + jitter.nextU32(),
      requestTimeoutMs,
    });
  }

  create(): void {
    const queue = `queue-${String(this.calls++)}`;
    const startMs = this.time.monotonicMs();
    const done = (code: Outcome["code"]): void => {
      this.outcomes.push({ queue, code, tookMs: this.time.monotonicMs() - startMs });
    };
    this.router.createQueue("p", queue).then(
      (created) => {
        this.#acknowledged.push(queue);
        done(created ? "created" : "existed");
      },
      (error: unknown) => {
        if (error instanceof MarconiError) done(error.code);
        else this.unexpected.push(error);
      },
    );
  }

  read(): void {
    const queue = this.#acknowledged[this.rng.between(0, this.#acknowledged.length + 1)];
    this.reads += 1;
    this.router.queueExists("p", queue ?? "never-made").then(
      (exists) => {
        this.readsSettled += 1;
        if (exists !== (queue !== undefined)) this.wrongReads.push(queue ?? "never-made");
      },
      (error: unknown) => {
        this.readsSettled += 1;
        if (!(error instanceof MarconiError) || error.definition.effect !== "none") this.unexpected.push(error);
      },
    );
  }

  event(): void {
    const node = this.#pick(this.nodes);
    const kind = this.rng.between(0, 11);
    if (kind < 4) this.#moveLeader(this.rng.between(0, partitionCount));
    else if (kind === 4) node.freeze();
    else if (kind <= 6) node.thaw();
    else if (kind === 7) node.breakOne();
    else if (kind === 10) this.#changeMembership(node);
    else if (node.up) this.#kill(node);
    else node.start();
  }

  /** All nodes work again and every partition has a leader. */
  heal(): void {
    for (const node of this.nodes) {
      node.misbehaves = false;
      if (!node.up) node.start();
      node.thaw();
    }
    this.cluster.setMembers(this.nodes.map(({ id }) => id));
    this.cluster.leadAll();
  }

  #isMember({ id }: SimNode): boolean {
    return this.cluster.membership.members.some(({ nodeId }) => nodeId === id);
  }

  /** A member leaves; its partitions are led by others first. A node that is none joins. */
  #changeMembership(node: SimNode): void {
    const members = this.nodes.filter((other) => this.#isMember(other) !== (other === node));
    if (members.filter(({ up }) => up).length < 2) return;
    for (const [partition, { leader }] of this.cluster.partitions.entries())
      if (members.every(({ id }) => id !== leader)) this.cluster.lead(partition, this.#pick(members).id);
    this.cluster.setMembers(members.map(({ id }) => id));
  }

  #moveLeader(partition: number): void {
    const target = this.#pick(this.nodes.filter((node) => node.up && this.#isMember(node)));
    this.cluster.lead(partition, this.rng.fraction() < 0.15 ? undefined : target.id);
  }

  #kill(node: SimNode): void {
    if (this.nodes.filter((other) => other.up && this.#isMember(other)).length <= 2) return;
    node.kill();
    for (const [partition, { leader }] of this.cluster.partitions.entries()) {
      if (leader !== node.id) continue;
      this.cluster.partition(partition).leader = undefined;
      this.time.after(this.rng.between(50, 400), () => {
        if (this.cluster.partition(partition).leader === undefined) this.#moveLeader(partition);
      });
    }
  }

  #pick<Item>(items: readonly Item[]): Item {
    const item = items[this.rng.between(0, items.length)];
    if (item === undefined) throw new RangeError("nothing to pick from");
    return item;
  }
}

function check(run: Run): void {
  expect(run.unexpected).toEqual([]);
  expect(run.wrongReads).toEqual([]);
  expect(run.log.errors).toEqual([]);
  expect(run.outcomes).toHaveLength(run.calls);
  expect(run.readsSettled).toBe(run.reads);
  const latestMs = requestTimeoutMs + routerLimits.sweepPeriodMs + 1;
  expect(run.outcomes.filter(({ tookMs }) => tookMs > latestMs)).toEqual([]);

  const effects = new Map<string, number>();
  const requestIds = new Set<string>();
  for (const { partition, session, sequence, queue } of run.cluster.effects) {
    effects.set(queue, (effects.get(queue) ?? 0) + 1);
    requestIds.add([partition, session, sequence].join("/"));
  }
  expect(requestIds.size).toBe(run.cluster.effects.length);
  for (const { queue, code } of run.outcomes) {
    const count = effects.get(queue) ?? 0;
    if (code === "created") expect([queue, count]).toEqual([queue, 1]);
    else if (code === "existed" || errorCatalogue[code].effect === "none")
      expect([queue, code, count]).toEqual([queue, code, 0]);
    else expect(count).toBeLessThanOrEqual(1);
  }
  expect(run.router.stats()).toMatchObject({
    requestsInFlight: 0,
    requestsWaiting: 0,
    requestsOutstanding: 0,
    outstandingBytes: 0,
    partitionsWithoutLeader: 0,
  });
}

async function misbehave(run: Run): Promise<void> {
  for (const node of run.nodes) node.misbehaves = true;
  for (let step = 0; step < stepsPerRound; step++) {
    for (let i = run.rng.between(0, 6); i > 0; i--) run.create();
    for (let i = run.rng.between(0, 3); i > 0; i--) run.read();
    if (run.rng.fraction() < 0.2) run.event();
    await run.time.advance(run.rng.between(0, 30));
  }
}

/** A cluster that works serves at once and without errors, whatever happened before. */
async function recover(run: Run): Promise<void> {
  run.heal();
  await run.time.advance(requestTimeoutMs + 2_000);
  const before = run.outcomes.length;
  for (let i = 0; i < 20; i++) run.create();
  await run.time.advance(100);
  expect(run.outcomes.slice(before).map(({ code }) => code)).toEqual(new Array(20).fill("created"));
  expect(run.router.healthy()).toBe(true);
}

async function play(seed: number): Promise<Run> {
  const run = new Run(seed);
  run.cluster.leadAll();
  for (let round = 0; round < rounds; round++) {
    await misbehave(run);
    await recover(run);
  }
  check(run);
  await run.router.close(0);
  return run;
}

describe("the router against a cluster that misbehaves", () => {
  const given = process.env["MARCONI_ROUTER_SEED"];
  const [from = 0, count = 1] = (given ?? "").split("+").map(Number);
  const seeds =
    given === undefined
      ? [1, 2, 3, 4, 5, 6, 7, 8, randomInt(2 ** 31)]
      : Array.from({ length: count }, (_, i) => from + i);

  test.each(seeds)("settles every call once and tells the truth (repeat with MARCONI_ROUTER_SEED=%d)", async (seed) => {
    const run = await play(seed);
    const counts = new Map<string, number>();
    for (const { code } of run.outcomes) counts.set(code, (counts.get(code) ?? 0) + 1);
    // The run must have exercised what it is for.
    const { retries, bounces, streamsLost } = run.router.stats();
    expect(Math.min(retries, bounces, streamsLost, counts.get("created") ?? 0)).toBeGreaterThan(0);
    if (process.env["MARCONI_ROUTER_VERBOSE"] !== undefined)
      process.stdout.write(
        `${JSON.stringify({ seed, ...Object.fromEntries(counts), retries, bounces, streamsLost })}\n`,
      );
  });
});
