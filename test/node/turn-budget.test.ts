import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { fromBinary } from "@bufbuild/protobuf";
import { EntryBuilder } from "../../src/command/index.js";
import { PeerFrameSchema } from "../../src/gen/marconi/v1/peers_pb.js";
import { ClusterView } from "../../src/node/cluster-view.js";
import { openReplica } from "../../src/node/open-replica.js";
import type { Replica } from "../../src/node/replica.js";
import { Shard } from "../../src/node/shard.js";
import { loadMachine } from "../../src/partition/index.js";
import { MessageFrame, type NodeId, type PeerNetwork, readMessages } from "../../src/peer/index.js";
import { type Entry, EntryKind, type Message } from "../../src/raft/index.js";
import {
  MemoryCheckpointDisk,
  MemoryFileSystem,
  openMemoryCheckpointStore,
  openShardLog,
} from "../../src/storage/index.js";
import { foundingOf } from "./maps.js";
import { logger, ManualTime, TICK_MS } from "./mini-cluster.js";

const BUSY = 0;
const QUIET = 1;
/** What one entry of the busy partition costs, by the clock that only this moves. */
const ENTRY_MS = 10;
const ENTRIES = 100;

interface Sent {
  readonly atMs: number;
  readonly group: number;
  readonly message: Message;
}

/** One node with two partitions, both followers; the test speaks for the other two nodes. */
class Node {
  readonly time = new ManualTime();
  readonly sent: Sent[] = [];
  readonly #view = new ClusterView("n1", "", foundingOf(3, 2));
  shard!: Shard;
  close!: () => Promise<void>;

  async start(): Promise<this> {
    const fatal = (error: Error): never => {
      throw error;
    };
    const { log } = await openShardLog({
      ...{ directory: "/log", clusterId: "c", nodeId: "n1", shard: 0, segmentBytes: 1024 * 1024 },
      fileSystem: new MemoryFileSystem(),
      onFatal: fatal,
    });
    const store = await openMemoryCheckpointStore(new MemoryCheckpointDisk());
    const observer = { committed: () => undefined, leaderChanged: () => undefined, checkpointed: () => undefined };
    const loaderOf = () => loadMachine();
    this.shard = new Shard({
      ...{ view: this.#view, clock: this.time, timers: this.time, log, store, logger, loaderOf },
      ...{ tickMs: TICK_MS, checkpointLogBytes: 1 << 30, logSegmentsMax: 1_000, observer, fatal },
    });
    const network: PeerNetwork = {
      send: (_to: NodeId, frame: Buffer) => {
        for (const one of readMessages(fromBinary(PeerFrameSchema, frame).messages))
          this.sent.push({ atMs: this.time.now, ...one });
        return true;
      },
      sendSnapshotPart: () => true,
      sendControl: () => true,
      isConnected: () => true,
      close: () => Promise.resolve(),
    };
    for (const group of [BUSY, QUIET]) {
      const options = { dataDirectory: "/", view: this.#view, log, store, host: this.shard, loaderOf };
      const timing = { heartbeatTicks: 2, electionTicks: 20, newSeed: () => 1 };
      const id = this.#view.ownReplicaOf(group) as number;
      const { replica } = await openReplica({ ...options, ...timing }, group, id, undefined);
      this.shard.add(replica, undefined);
    }
    this.shard.start(network);
    this.close = async () => {
      this.shard.stop();
      await this.shard.close();
      await log.close();
      await store.close();
    };
    return this;
  }

  replica(group: number): Replica {
    return this.shard.replicas.get(group) as Replica;
  }

  hear(from: NodeId, group: number, message: Message): void {
    const frame = new MessageFrame();
    frame.add(group, message);
    this.shard.messages(from, fromBinary(PeerFrameSchema, frame.take()).messages);
  }

  /** Entries of `group` that are committed and have to be applied; each takes its time, and `applied` is told. */
  async commit(group: number, count: number, applied: () => void = () => undefined): Promise<void> {
    const { machine } = this.replica(group);
    const apply = machine.apply.bind(machine);
    jest.spyOn(machine, "apply").mockImplementation((...args) => {
      apply(...args);
      this.time.now += ENTRY_MS;
      applied();
    });
    const builder = new EntryBuilder();
    const entries = Array.from({ length: count }, (_, i): Entry => {
      builder.begin(this.time.now);
      return { index: i + 1, term: 1, kind: EntryKind.normal, data: builder.finish() };
    });
    const append = { type: "append-request", from: 2, to: 1, term: 1 } as const;
    this.hear("n2", group, { ...append, prevIndex: 0, prevTerm: 0, commit: 0, entries });
    await this.turns(30);
    this.sent.length = 0;
    this.hear("n2", group, { ...append, prevIndex: count, prevTerm: 1, commit: count, entries: [] });
  }

  async turns(count: number): Promise<void> {
    for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
  }

  /** When the first message of a type left, after `sinceMs`. */
  leftAfter(sinceMs: number, type: Message["type"], group: number): number {
    const found = this.sent.find((one) => one.message.type === type && one.group === group);
    return found === undefined ? Infinity : found.atMs - sinceMs;
  }
}

const preVote: Message = {
  ...{ type: "vote-request", from: 3, to: 1, term: 1 },
  ...{ pre: true, lastIndex: 0, lastTerm: 0, transfer: false },
};

describe("a partition with much to apply", () => {
  let node: Node;
  afterEach(async () => {
    jest.restoreAllMocks();
    await node.close();
  });

  test("does not hold up the election of another: what comes in meanwhile is answered after an entry or two", async () => {
    node = await new Node().start();
    let askedMs = 0;
    // The request is in the socket by the time the first entry is applied: it is read as soon as I/O is let in.
    const ask = (): void => {
      if (askedMs > 0) return;
      askedMs = node.time.now;
      setImmediate(() => {
        node.hear("n3", QUIET, preVote);
      });
    };
    await node.commit(BUSY, ENTRIES, ask);
    await node.turns(5);
    expect(node.leftAfter(askedMs, "vote-reply", QUIET)).toBeLessThanOrEqual(2 * ENTRY_MS);
    await node.turns(2 * ENTRIES);
    expect(node.replica(BUSY).machine.appliedIndex).toBe(ENTRIES);
  });

  test("comes after the elections and acknowledgements of the same turn", async () => {
    node = await new Node().start();
    await node.commit(BUSY, ENTRIES);
    const sinceMs = node.time.now;
    node.hear("n3", QUIET, preVote);
    await node.turns(3);
    expect(node.leftAfter(sinceMs, "vote-reply", QUIET)).toBe(0);
    expect(node.leftAfter(sinceMs, "append-reply", BUSY)).toBe(0);
  });

  test("leaves time to the heartbeats of others", async () => {
    node = await new Node().start();
    const applied: number[] = [];
    await node.commit(BUSY, ENTRIES, () => applied.push(node.time.now));
    const sinceMs = node.time.now;
    node.hear("n2", QUIET, { type: "heartbeat", from: 2, to: 1, term: 1, commit: 0, context: 0 });
    await node.turns(3);
    node.sent.length = 0;
    node.hear("n2", QUIET, { type: "heartbeat", from: 2, to: 1, term: 1, commit: 0, context: 7 });
    const beatMs = node.time.now;
    await node.turns(1);
    expect(node.leftAfter(beatMs, "heartbeat-reply", QUIET)).toBeLessThanOrEqual(2 * ENTRY_MS);
    expect(beatMs - sinceMs).toBeLessThan(ENTRIES * ENTRY_MS);
  });

  test("shares the turns with another one like it", async () => {
    node = await new Node().start();
    const order: number[] = [];
    await node.commit(BUSY, ENTRIES, () => order.push(BUSY));
    await node.commit(QUIET, 20, () => order.push(QUIET));
    await node.turns(2 * ENTRIES);
    // The second one's entries have to become durable first; from then on they alternate.
    const together = order.slice(order.indexOf(QUIET), order.lastIndexOf(QUIET) + 1);
    expect(together.length).toBeGreaterThan(30);
    for (let i = 1; i < together.length; i++) expect(together[i]).not.toBe(together[i - 1]);
    expect(order).toHaveLength(ENTRIES + 20);
  });
});
