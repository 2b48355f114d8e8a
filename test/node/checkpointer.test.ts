import { afterEach, describe, expect, jest, test } from "@jest/globals";
import type { Command } from "../../src/command/index.js";
import { RequestStatus } from "../../src/contract/index.js";
import { nodeLimits } from "../../src/node/limits.js";
import { Checkpointer, type CheckpointerOptions } from "../../src/node/checkpointer.js";
import type { Replica } from "../../src/node/replica.js";
import { loadMachine, QueueMachine } from "../../src/partition/index.js";
import type { GroupId, SegmentedShardLog, ViewableCheckpointStore } from "../../src/storage/index.js";
import { FakeGateway, logger, ManualTime, MiniCluster, type MiniNode, TICK_MS } from "./mini-cluster.js";

// Moments of processor time each; a busy machine may take its time.
jest.setTimeout(60_000);

const queue = (i: number): Command => ({ project: "p", queue: `q${String(i)}`, op: "create-queue" });
const metadata = (i: number, bytes: number): Command => ({
  project: "p",
  queue: `q${String(i)}`,
  op: "set-metadata",
  metadata: Buffer.from(JSON.stringify("x".repeat(bytes))),
});

describe("checkpoints", () => {
  let cluster: MiniCluster;
  let gateway: FakeGateway;
  afterEach(async () => {
    jest.restoreAllMocks();
    await cluster.stopAll();
  });

  async function started(...ids: string[]): Promise<MiniNode> {
    cluster = new MiniCluster(ids);
    cluster.checkpointLogBytes = 2_000;
    await cluster.startAll();
    const leader = await cluster.leader();
    gateway = new FakeGateway(leader);
    return leader;
  }

  async function done(leader: MiniNode, ...commands: Command[]): Promise<void> {
    const asked = commands.map((command) => gateway.command(leader, command));
    await cluster.until(() => asked.every((one) => gateway.statuses(one).length > 0), "the answers");
    expect(asked.every((one) => gateway.statuses(one)[0] === RequestStatus.ok)).toBe(true);
  }

  async function checkpointed(leader: MiniNode): Promise<number> {
    const before = leader.checkpoints.length;
    await cluster.until(() => leader.checkpoints.length > before, "a checkpoint");
    return (await leader.store.open(0))?.snapshot.index ?? 0;
  }

  test("one is written when enough log has gathered, and a restart begins with it", async () => {
    const leader = await started("n1");
    await done(leader, queue(1), metadata(1, 3_000));
    const index = await checkpointed(leader);
    expect(index).toBe(leader.replica.machine.appliedIndex);
    await leader.stop();
    const back = await cluster.start("n1");
    expect(back.replica.machine.appliedIndex).toBe(index);
    expect(back.replica.machine.stats().queues).toBe(1);
  });

  test("the log keeps what lies between the last two", async () => {
    const leader = await started("n1");
    await done(leader, queue(1), metadata(1, 3_000));
    const first = await checkpointed(leader);
    expect(leader.replica.core.status().firstIndex).toBe(first + 1);
    await done(leader, metadata(1, 3_001));
    const second = await checkpointed(leader);
    expect(second).toBeGreaterThan(first);
    expect(leader.replica.core.status().firstIndex).toBe(first + 1);
  });

  test("the log keeps what a replica that is catching up still lacks, and not what a dead one does", async () => {
    const leader = await started("n1", "n2", "n3");
    await done(leader, queue(1));
    await cluster.settle();
    const peers = leader.replica.core.status().peers;
    const status = leader.replica.core.status.bind(leader.replica.core);
    const lagging = peers[0]?.match ?? 0;
    let active = true;
    jest.spyOn(leader.replica.core, "status").mockImplementation(() => {
      const now = status();
      const slow = { match: lagging, state: "probe", recentlyActive: active } as const;
      return { ...now, peers: now.peers.map((peer, i) => (i === 0 ? { ...peer, ...slow } : peer)) };
    });
    for (let i = 0; i < 3; i++) {
      await done(leader, metadata(1, 3_000 + i));
      await checkpointed(leader);
    }
    expect(status().firstIndex).toBeLessThanOrEqual(lagging + 1);
    active = false;
    await done(leader, metadata(1, 4_000));
    await checkpointed(leader);
    expect(status().firstIndex).toBeGreaterThan(lagging + 1);
  });

  test("single small commands make checkpoints due too: what counts is the log on disk, not what is in it", async () => {
    const leader = await started("n1");
    cluster.checkpointLogBytes = 64 * 1_024;
    await leader.stop();
    const small = await cluster.start("n1");
    const node = await cluster.leader();
    gateway = new FakeGateway(small);
    await done(node, queue(1));
    const written = node.log.stats().bytesWritten;
    for (let i = 0; i < 1_000; i++) {
      await done(node, metadata(1, 8));
      cluster.time.advance(TICK_MS);
    }
    const { bytesWritten, payloadBytes, segments } = node.log.stats();
    expect(bytesWritten - written).toBeGreaterThanOrEqual(1_000 * 4_096);
    expect(payloadBytes).toBeLessThan(200_000);
    // Each segment is a MiB, a checkpoint due after 64 KiB: looked at once a second, in which 20 commands take 80 KiB.
    expect(segments).toBeLessThanOrEqual(2);
    expect(node.log.bytesAfter(0, (await node.store.open(0))?.snapshot.index ?? 0)).toBeLessThan(200_000);
  });

  /** Two election timeouts: a peer that was stopped before counts as away. */
  async function missed(): Promise<void> {
    for (let i = 0; i < 45; i++) {
      cluster.time.advance(TICK_MS);
      await cluster.settle(2);
    }
  }

  test("a write that fails ends the process, and nothing is written afterwards", async () => {
    const leader = await started("n1");
    const write = jest.spyOn(leader.store, "write").mockRejectedValue(new Error("EIO"));
    await done(leader, queue(1), metadata(1, 3_000));
    await cluster.until(() => leader.fatal.length > 0, "the end");
    expect(leader.fatal[0]?.message).toBe("EIO");
    const calls = write.mock.calls.length;
    for (let i = 0; i < 50; i++) cluster.time.advance(TICK_MS);
    await cluster.settle();
    expect(write.mock.calls).toHaveLength(calls);
  });

  test("a replica that was away too long gets a snapshot, whole, and the entries after it", async () => {
    const leader = await started("n1", "n2", "n3");
    const away = [...cluster.nodes.values()].find((node) => node !== leader) as MiniNode;
    await away.stop();
    await missed();
    const big = Math.floor(nodeLimits.snapshotPartBytes / 8);
    for (let i = 0; i < 30; i++) await done(leader, queue(i), metadata(i, big));
    await checkpointed(leader);
    await done(leader, metadata(0, 3_000));
    await checkpointed(leader);
    expect(leader.replica.core.status().firstIndex).toBeGreaterThan(10);

    // With each part that leaves the log grows.
    const send = leader.sendSnapshotPart.bind(leader);
    let written = 0;
    jest.spyOn(leader, "sendSnapshotPart").mockImplementation((to, part) => {
      gateway.command(leader, metadata(0, 3_000 + written++));
      return send(to, part);
    });
    const back = await cluster.start(away.id);
    await cluster.until(() => back.replica.machine.stats().queues === 30, "the state of the others");
    expect(cluster.parts).toBeGreaterThan(2);
    expect(back.fatal).toEqual([]);
    jest.restoreAllMocks();
    await cluster.until(
      () => back.replica.machine.appliedIndex === leader.replica.machine.appliedIndex,
      "the entries after it",
    );
    expect(back.replica.machine.stateHash()).toBe(leader.replica.machine.stateHash());
  });

  test("a snapshot survives checkpoints that are written while its rows are read", async () => {
    const leader = await started("n1", "n2", "n3");
    const away = [...cluster.nodes.values()].find((node) => node !== leader) as MiniNode;
    await away.stop();
    await missed();
    const big = Math.floor(nodeLimits.snapshotPartBytes / 8);
    for (let i = 0; i < 20; i++) await done(leader, queue(i), metadata(i, big));
    await checkpointed(leader);
    await done(leader, metadata(0, 3_000));
    await checkpointed(leader);

    const view = leader.store.view.bind(leader.store);
    const spy = jest.spyOn(leader.store, "view").mockImplementation(async (group) => {
      const found = await view(group);
      if (found === undefined) return undefined;
      // Another checkpoint is durable before the first row is out.
      gateway.command(leader, metadata(0, 5_000));
      await cluster.settle();
      const before = leader.checkpoints.length;
      for (let i = 0; i < 100 && leader.checkpoints.length === before; i++) {
        leader.shard.replicas.get(0)?.poke();
        await cluster.settle(5);
        cluster.time.advance(TICK_MS);
      }
      expect(leader.checkpoints.length).toBeGreaterThan(before);
      return found;
    });
    const back = await cluster.start(away.id);
    await cluster.until(() => back.replica.machine.stats().queues === 20, "the state of the others", 200);
    expect(spy).toHaveBeenCalledTimes(1);
  });
});

/** What a checkpointer sees of a partition. */
interface Partition {
  readonly group: GroupId;
  applied: number;
  /** Bytes of the log after each index; entries are of one byte. */
  last: number;
  installing?: boolean;
  pins?: boolean;
}

class Fixture {
  readonly time = new ManualTime();
  readonly written: GroupId[] = [];
  /** Groups whose log was given up to the newest checkpoint. */
  readonly trimmed: GroupId[] = [];
  readonly fatal: Error[] = [];
  readonly replicas = new Map<GroupId, Replica>();
  readonly #partitions: readonly Partition[];
  readonly checkpointer: Checkpointer;

  constructor(partitions: readonly Partition[], segments = 1) {
    this.#partitions = partitions;
    const log = {
      stats: () => ({ segments }),
      pinning: () => partitions.filter(({ pins }) => pins).map(({ group }) => group),
      bytesAfter: (group: GroupId, index: number) => Math.max(0, this.#of(group).last - index),
      checkpointed: (group: GroupId, snapshot: { index: number }, keepFrom: number) => {
        if (keepFrom === snapshot.index + 1) this.trimmed.push(group);
      },
    } as unknown as SegmentedShardLog;
    const store = {
      write: (group: GroupId) => Promise.resolve(this.written.push(group)),
    } as unknown as ViewableCheckpointStore;
    const options: CheckpointerOptions = {
      clock: this.time,
      timers: this.time,
      ...{ log, store, logger, checkpointLogBytes: 100, logSegmentsMax: 4 },
      observer: { committed: () => undefined, leaderChanged: () => undefined, checkpointed: () => undefined },
      loaderOf: () => loadMachine(),
      fatal: (error) => this.fatal.push(error),
    };
    this.checkpointer = new Checkpointer(options);
    for (const partition of partitions) this.replicas.set(partition.group, fakeReplica(partition));
  }

  #of(group: GroupId): Partition {
    return this.#partitions.find((partition) => partition.group === group) as Partition;
  }

  async check(): Promise<void> {
    this.checkpointer.checkDue(this.replicas);
    for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(this.fatal).toEqual([]);
  }
}

function fakeReplica(partition: Partition): Replica {
  const machine = new QueueMachine();
  for (let index = 1; index <= partition.applied; index++) machine.skip(index);
  const core = {
    term: () => 1,
    configurationAt: () => ({ configuration: { voters: [1], outgoing: [], learners: [] }, index: 0 }),
    status: () => ({ peers: [], firstIndex: 1 }),
    compacted: () => undefined,
  };
  return { group: partition.group, machine, core, installing: partition.installing ?? false } as unknown as Replica;
}

describe("which checkpoint is due", () => {
  test("all that are over the bound, the one with the most log first, without waiting for the next check", async () => {
    const fixture = new Fixture([
      { group: 0, applied: 99, last: 99 },
      { group: 1, applied: 150, last: 150 },
      { group: 2, applied: 200, last: 200 },
    ]);
    await fixture.check();
    expect(fixture.written).toEqual([2, 1]);
  });

  test("one that would be in vain holds up nobody", async () => {
    const fixture = new Fixture([
      { group: 0, applied: 0, last: 900 },
      { group: 1, applied: 10, last: 800 },
      { group: 2, applied: 500, last: 700, installing: true },
      { group: 3, applied: 150, last: 150 },
    ]);
    await fixture.check();
    expect(fixture.written).toEqual([3]);
  });

  test("the log behind a snapshot on its way is given up only when there is twice too much of it", async () => {
    const partitions = [
      { group: 0, applied: 20, last: 20, pins: true },
      { group: 1, applied: 10, last: 10, pins: true },
    ];
    for (const [segments, trimmed] of [
      [8, [1]],
      [9, [0, 1]],
    ] as const) {
      const fixture = new Fixture(partitions, segments);
      const unpin = fixture.checkpointer.pin(0, 5);
      await fixture.check();
      expect([...new Set(fixture.trimmed)]).toEqual(trimmed);
      unpin();
      await fixture.check();
      expect([...new Set(fixture.trimmed)].sort()).toEqual([0, 1]);
    }
  });

  test("nor one that keeps old segments alive and can do nothing about it", async () => {
    const fixture = new Fixture(
      [
        { group: 0, applied: 0, last: 20, pins: true },
        { group: 1, applied: 50, last: 50, pins: true, installing: true },
        { group: 2, applied: 10, last: 10, pins: true },
        { group: 3, applied: 150, last: 150 },
      ],
      9,
    );
    await fixture.check();
    expect(fixture.written).toEqual([2, 3]);
    const trimmed = [...fixture.trimmed];
    expect(trimmed).toContain(2);
    await fixture.check();
    expect([fixture.written, fixture.trimmed]).toEqual([[2, 3], trimmed]);
  });
});
