import { Xoshiro128 } from "../../src/base/index.js";
import {
  type Entry,
  EntryKind,
  type FetchOrder,
  type Message,
  RaftCore,
  type RaftOptions,
  type ReadGrant,
  type Ready,
  type SnapshotMeta,
  type SnapshotOrder,
} from "../../src/raft/index.js";
import { type MachineState, SimulatedDisk } from "./simulated-disk.js";

export interface ReplicaEvents {
  send(message: Message): void;
  granted(replica: SimulatedReplica, grant: ReadGrant): void;
  applied(replica: SimulatedReplica, entry: Entry): void;
  /** Called with every Ready, before it is carried out. */
  drained?(replica: SimulatedReplica, ready: Ready): void;
}

const decoder = new TextDecoder();

/** The host of one core: does what a Ready asks for, when the test says so. */
export class SimulatedReplica {
  readonly id: number;
  readonly disk: SimulatedDisk;
  readonly #options: Omit<RaftOptions, "id" | "rng">;
  readonly #events: ReplicaEvents;
  #seed: number;
  core: RaftCore;
  alive = true;
  history: string[] = [];
  appliedIndex = 0;
  commitTarget = 0;
  readonly fetches: FetchOrder[] = [];
  readonly snapshotOrders: SnapshotOrder[] = [];
  /** Data of snapshots that arrived, by index. */
  readonly received = new Map<number, MachineState>();
  installing: SnapshotMeta | undefined;
  /** A host that spares the making of a Ready where it can. */
  takesMessages = false;
  /** Orders that took entries back. */
  truncations = 0;

  constructor(
    id: number,
    start: SnapshotMeta,
    options: Omit<RaftOptions, "id" | "rng">,
    seed: number,
    events: ReplicaEvents,
  ) {
    this.id = id;
    this.disk = new SimulatedDisk(start);
    this.#options = options;
    this.#seed = seed;
    this.#events = events;
    this.core = this.#open();
  }

  #open(): RaftCore {
    const { checkpoint } = this.disk;
    this.#seed = (this.#seed * 31 + 7) >>> 0;
    const core = new RaftCore({ ...this.#options, id: this.id, rng: new Xoshiro128(this.#seed) }, this.disk.restored());
    this.history = [...checkpoint.history];
    this.appliedIndex = checkpoint.snapshot.index;
    this.commitTarget = this.appliedIndex;
    if (this.appliedIndex > 0) core.applied(this.appliedIndex);
    return core;
  }

  crash(survivingOrders: number): void {
    this.alive = false;
    this.disk.crash(survivingOrders);
    this.fetches.length = 0;
    this.snapshotOrders.length = 0;
    this.received.clear();
    this.installing = undefined;
  }

  restart(): void {
    this.core = this.#open();
    this.alive = true;
  }

  /** Drains the core. */
  turn(): void {
    const messages = this.takesMessages ? this.core.takeMessages() : undefined;
    if (messages !== undefined) {
      for (const message of messages) this.#events.send(message);
      // Makes the core look again: nothing may have been left behind.
      this.core.unreachable(0);
      if (this.core.hasReady()) throw new Error("the messages were not all that was to be done");
      return;
    }
    for (let ready = this.core.ready(); ready !== undefined; ready = this.core.ready()) this.#carryOut(ready);
  }

  #carryOut(ready: Ready): void {
    this.#events.drained?.(this, ready);
    for (const message of ready.sendNow) this.#events.send(message);
    if (ready.persist?.truncateFrom !== undefined) this.truncations++;
    if (ready.persist !== undefined) this.disk.submit(ready.persist, ready.sendAfterPersist);
    else if (ready.sendAfterPersist.length > 0) this.disk.attach(ready.sendAfterPersist);
    if (ready.commitTo !== undefined) this.commitTarget = ready.commitTo;
    for (const grant of ready.reads) this.#events.granted(this, grant);
    this.fetches.push(...ready.fetches);
    this.snapshotOrders.push(...ready.snapshots);
    if (ready.install !== undefined) this.installing = ready.install;
  }

  /** One flush ends. */
  flush(): void {
    const { order, messages } = this.disk.complete();
    this.core.persisted(order.sequence);
    for (const message of messages) this.#events.send(message);
    this.turn();
  }

  flushAll(): void {
    while (this.disk.pending > 0) this.flush();
  }

  /** Applies at most `countMax` entries. */
  apply(countMax: number): void {
    if (this.installing !== undefined) return;
    const high = Math.min(this.commitTarget, this.appliedIndex + countMax) + 1;
    const low = this.appliedIndex + 1;
    if (low >= high) return;
    const entries = this.core.entries(low, high, 1 << 20) ?? this.disk.read(low, high, 1 << 20);
    for (const entry of entries) {
      if (entry.index !== this.appliedIndex + 1) throw new Error("applied out of order");
      this.appliedIndex = entry.index;
      if (entry.kind === EntryKind.normal) this.history.push(decoder.decode(entry.data));
      this.#events.applied(this, entry);
    }
    this.core.applied(this.appliedIndex);
    this.turn();
  }

  answerFetch(): void {
    const order = this.fetches.shift();
    if (order === undefined) return;
    this.core.entriesFetched(order, this.disk.read(order.low, order.high, order.bytesMax));
    this.turn();
  }

  /** Writes a checkpoint of the state; the log before the previous one is forgotten. */
  checkpoint(): void {
    const previous = this.disk.checkpoint.snapshot;
    const index = this.appliedIndex;
    const term = this.core.term(index);
    if (this.installing !== undefined || index === previous.index || term === undefined) return;
    const { configuration, index: configurationIndex } = this.core.configurationAt(index);
    const snapshot: SnapshotMeta = { index, term, configuration, configurationIndex };
    this.disk.writeCheckpoint({ snapshot, history: [...this.history] });
    if (previous.index <= this.disk.snapshot.index) return;
    this.disk.cut(previous);
    this.core.compacted(previous);
  }

  install(): void {
    const snapshot = this.installing;
    if (snapshot === undefined) return;
    const state = this.received.get(snapshot.index);
    if (state === undefined) throw new Error("a snapshot was accepted whose data never came");
    // The log writer works in order: what was submitted before is on disk before.
    this.flushAll();
    const { term, vote } = this.core.status();
    this.disk.install(state, term, vote);
    this.installing = undefined;
    this.history = [...state.history];
    this.appliedIndex = snapshot.index;
    this.commitTarget = Math.max(this.commitTarget, snapshot.index);
    this.core.snapshotInstalled(snapshot);
    this.turn();
  }
}
