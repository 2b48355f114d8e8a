import { loadMachine } from "../../src/partition/index.js";
import { ByteWriter } from "../../src/base/index.js";
import { encodeCommand, EntryBuilder } from "../../src/command/index.js";
import { Checkpointer } from "../../src/node/checkpointer.js";
import { nodeLimits } from "../../src/node/limits.js";
import type { Replica } from "../../src/node/replica.js";
import { SnapshotTransfers, type TransferOptions } from "../../src/node/snapshot-transfers.js";
import { type Machine, QueueMachine } from "../../src/partition/index.js";
import type { NodeId, PeerNetwork, SnapshotPart } from "../../src/peer/index.js";
import type { Index, LeadershipState, Message, PeerStatus, ReplicaId, SnapshotMeta } from "../../src/raft/index.js";
import {
  type GroupId,
  MemoryCheckpointDisk,
  openMemoryCheckpointStore,
  type SegmentedShardLog,
  type ViewableCheckpointStore,
} from "../../src/storage/index.js";
import { logger, ManualTime } from "./mini-cluster.js";

export const TERM = 5;
const configuration = { voters: [1, 2, 3, 4], outgoing: [], learners: [] };
export const snapshotAt = (index: Index): SnapshotMeta => ({ index, term: 2, configuration, configurationIndex: 0 });

/** A replica as far as transfers see one: it accepts every snapshot that is ahead of it. */
export class FakeReplica {
  readonly group: GroupId;
  readonly id: ReplicaId;
  machine: Machine = new QueueMachine();
  leadership: LeadershipState = { role: "follower", term: TERM, leader: 1 };
  commit = 0;
  installing = false;
  peers: PeerStatus[] = [];
  readonly stepped: Message[] = [];
  /** What the core was told: the index that was sent, 0 for a failure. */
  readonly told: { readonly to: ReplicaId; readonly index: Index }[] = [];
  readonly #install: (replica: Replica, snapshot: SnapshotMeta) => void;
  #offered: SnapshotMeta | undefined;

  constructor(group: GroupId, id: ReplicaId, install: (replica: Replica, snapshot: SnapshotMeta) => void) {
    this.group = group;
    this.id = id;
    this.#install = install;
  }

  readonly core = {
    status: () => ({ id: this.id, ...this.leadership, vote: 0, commit: this.commit, peers: this.peers, firstIndex: 1 }),
    snapshotSent: (to: ReplicaId, ok: boolean, index: Index) => this.told.push({ to, index: ok ? index : 0 }),
    term: () => 2,
    configurationAt: () => ({ configuration, index: 0 }),
    compacted: () => undefined,
  };

  poke(): void {
    // The test looks at `told`.
  }

  step(message: Message): void {
    this.stepped.push(message);
    if (message.type === "snapshot-request" && message.snapshot.index > this.commit) this.#offered = message.snapshot;
  }

  turn(): void {
    if (this.#offered === undefined) return;
    this.installing = true;
    this.#install(this as unknown as Replica, this.#offered);
    this.#offered = undefined;
  }

  snapshotInstalled(snapshot: SnapshotMeta, machine: Machine): void {
    this.installing = false;
    this.commit = snapshot.index;
    this.machine = machine;
  }
}

export interface Said {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly part: SnapshotPart;
}

export class SnapshotNode {
  readonly id: NodeId;
  readonly disk = new MemoryCheckpointDisk();
  readonly store: ViewableCheckpointStore;
  readonly checkpointer: Checkpointer;
  readonly transfers: SnapshotTransfers;
  readonly replicas = new Map<GroupId, FakeReplica>();
  readonly fatal: Error[] = [];
  readonly errors: string[] = [];
  readonly #machines = new Map<GroupId, QueueMachine>();

  constructor(net: SnapshotNet, id: NodeId, store: ViewableCheckpointStore) {
    this.id = id;
    this.store = store;
    const log = {
      installSnapshot: () => Promise.resolve(),
      checkpointed: () => undefined,
      bytesAfter: () => 0,
    } as unknown as SegmentedShardLog;
    const options: TransferOptions = {
      ...{ clock: net.time, timers: net.time, log, store },
      logger: Object.assign(Object.create(logger) as typeof logger, {
        error: (_: unknown, text: string) => this.errors.push(text),
      }),
      ...{ checkpointLogBytes: 1_000, logSegmentsMax: 1_000 },
      observer: { committed: () => undefined, leaderChanged: () => undefined, checkpointed: () => undefined },
      fatal: (error) => this.fatal.push(error),
      loaderOf: () => loadMachine(),
      nodeOf: (replica) => `n${String(replica)}`,
    };
    this.checkpointer = new Checkpointer(options);
    this.transfers = new SnapshotTransfers(options, this.checkpointer);
    this.transfers.start(net.networkOf(id));
  }

  /** The replica of a group, made when it is new. */
  replica(group: GroupId): FakeReplica {
    let found = this.replicas.get(group);
    if (found === undefined) {
      found = new FakeReplica(group, Number(this.id.slice(1)), (replica, snapshot) => {
        this.transfers.install(replica, snapshot);
      });
      this.replicas.set(group, found);
    }
    return found;
  }

  asReplica(group: GroupId): Replica {
    return this.replica(group) as unknown as Replica;
  }

  lead(group: GroupId, ...followers: ReplicaId[]): void {
    const replica = this.replica(group);
    replica.leadership = { role: "leader", term: TERM, leader: replica.id };
    replica.peers = followers.map((id) => ({
      ...{ id, match: 1_000, state: "replicate" as const, recentlyActive: true, caughtUp: true, learner: false },
    }));
  }

  /** Makes a checkpoint with queues up to `queues`, each about 200 bytes, at `index`. */
  async checkpoint(group: GroupId, index: Index, queues: number): Promise<void> {
    const machine = this.#machines.get(group) ?? new QueueMachine();
    this.#machines.set(group, machine);
    for (let i = machine.stats().queues; i < queues; i++) apply(machine, i);
    while (machine.appliedIndex < index) machine.skip(machine.appliedIndex + 1);
    const cursor = machine.beginCheckpoint();
    const puts = [];
    const deletes = [];
    for (let slice = cursor.next(1_000_000); slice !== undefined; slice = cursor.next(1_000_000)) {
      puts.push(...slice.puts);
      deletes.push(...slice.deletes);
    }
    cursor.committed();
    const snapshot = snapshotAt(index);
    await this.store.write(group, { snapshot, puts, deletes });
    this.checkpointer.adopt(group, snapshot);
  }

  hashOf(group: GroupId): number | undefined {
    return this.#machines.get(group)?.stateHash();
  }

  send(group: GroupId, to: ReplicaId, minimumIndex: Index): void {
    this.transfers.send(this.asReplica(group), { to, minimumIndex }, `n${String(to)}`);
  }

  async stop(): Promise<void> {
    this.transfers.stop();
    await this.transfers.close();
    await this.store.close();
  }
}

function apply(machine: QueueMachine, i: number): void {
  const out = new ByteWriter();
  const entry = new EntryBuilder();
  entry.begin(1_000);
  encodeCommand(
    out,
    { session: 1, sequence: 2 * i + 1, lowWater: 1 },
    { project: "p", queue: `q${i}`, op: "create-queue" },
  );
  entry.add(out.take());
  const metadata = Buffer.from(JSON.stringify(`${i}`.padEnd(150, "x")));
  encodeCommand(
    out,
    { session: 1, sequence: 2 * i + 2, lowWater: 2 * i + 1 },
    { project: "p", queue: `q${i}`, op: "set-metadata", metadata },
  );
  entry.add(out.take());
  machine.apply(machine.appliedIndex + 1, entry.finish(), undefined);
}

/** Nodes n1 to n4 whose transfers meet over a network that loses what the test wants. */
export class SnapshotNet {
  readonly time = new ManualTime();
  readonly nodes = new Map<NodeId, SnapshotNode>();
  readonly said: Said[] = [];
  readonly #cut = new Set<string>();
  /** Drops a part, or changes it, on its way. */
  onWay: (said: Said) => SnapshotPart | undefined = ({ part }) => part;

  async start(id: NodeId, disk = new MemoryCheckpointDisk()): Promise<SnapshotNode> {
    const node = new SnapshotNode(this, id, await openMemoryCheckpointStore(disk));
    this.nodes.set(id, node);
    return node;
  }

  networkOf(from: NodeId): PeerNetwork {
    return {
      send: () => true,
      sendControl: () => true,
      isConnected: (to: NodeId) => this.linked(from, to),
      close: () => Promise.resolve(),
      sendSnapshotPart: (to, part) => {
        if (!this.linked(from, to)) return false;
        const said = { from, to, part };
        this.said.push(said);
        const arriving = this.onWay(said);
        if (arriving !== undefined)
          setImmediate(() => {
            const node = this.nodes.get(to);
            if (node !== undefined && this.linked(from, to))
              node.transfers.received(from, node.asReplica(part.group), arriving);
          });
        return true;
      },
    };
  }

  linked(a: NodeId, b: NodeId): boolean {
    return this.nodes.has(a) && this.nodes.has(b) && !this.#cut.has(`${a} ${b}`) && !this.#cut.has(`${b} ${a}`);
  }

  /** The stream between two nodes breaks, and both notice. */
  break(a: NodeId, b: NodeId): void {
    this.#cut.add(`${a} ${b}`);
    this.nodes.get(a)?.transfers.disconnected(b);
    this.nodes.get(b)?.transfers.disconnected(a);
  }

  mend(a: NodeId, b: NodeId): void {
    this.#cut.delete(`${a} ${b}`);
  }

  parts(from: NodeId, kind: SnapshotPart["kind"]): SnapshotPart[] {
    return this.said.filter((said) => said.from === from && said.part.kind === kind).map(({ part }) => part);
  }

  async settle(turns = 40): Promise<void> {
    for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
  }

  async until(condition: () => boolean, what: string): Promise<void> {
    for (let i = 0; i < 500 && !condition(); i++) await this.settle(1);
    if (!condition()) throw new Error(`waited in vain for: ${what}`);
  }

  /** A second passes on all nodes. */
  async second(): Promise<void> {
    this.time.advance(1_000);
    for (const node of this.nodes.values()) node.transfers.sweep();
    await this.settle();
  }

  async stopAll(): Promise<Error[]> {
    for (const node of this.nodes.values()) await node.stop();
    return [...this.nodes.values()].flatMap(({ fatal }) => fatal);
  }
}

/** Sets limits for one test; returns what sets them back. */
export function withLimits(changed: Partial<Record<keyof typeof nodeLimits, number>>): () => void {
  const limits = nodeLimits as Record<string, number>;
  const before = { ...limits };
  Object.assign(limits, changed);
  return () => {
    Object.assign(limits, before);
  };
}
