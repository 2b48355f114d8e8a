import { ByteReader, ByteWriter, DecodeError } from "../base/index.js";
import { type NodeId, type PeerNetwork, readMessage, type SnapshotPart, writeMessage } from "../peer/index.js";
import type { Message, ReplicaId, SnapshotMeta, SnapshotOrder } from "../raft/index.js";
import type { GroupId, Row, StagedCheckpoint } from "../storage/index.js";
import type { Checkpointer, CheckpointerOptions } from "./checkpointer.js";
import { nodeLimits } from "./limits.js";
import type { Replica } from "./replica.js";

/** A checkpoint on its way to a peer. */
interface Outgoing {
  readonly transfer: number;
  readonly replica: Replica;
  readonly to: ReplicaId;
  readonly node: NodeId;
  acknowledged: number;
  progressAtMs: number;
  over: boolean;
  /** Wakes the sender when the window opens or the transfer is over. */
  wake: (() => void) | undefined;
}

/** What the last part of a transfer carries for the core. */
type Announcement = Extract<Message, { readonly type: "snapshot-request" }>;

/** A checkpoint that arrives. Parts are stored one after the other. */
interface Incoming {
  readonly from: NodeId;
  readonly transfer: number;
  readonly staged: Promise<StagedCheckpoint>;
  next: number;
  tail: Promise<void>;
  /** Set once complete: waits for the core to accept it. */
  snapshot: SnapshotMeta | undefined;
}

/**
 * Moves whole checkpoints between nodes, for followers that need entries which the log no longer has. The sender streams its
 * newest checkpoint in parts with a window; the receiver stages them beside its state and replaces the state in one step.
 */
export class SnapshotTransfers {
  readonly #options: CheckpointerOptions;
  readonly #checkpointer: Checkpointer;
  readonly #outgoing = new Map<number, Outgoing>();
  readonly #incoming = new Map<GroupId, Incoming>();
  /** Orders that found no slot: answered at the next sweep, so that their leaders ask again. */
  #refused: { readonly replica: Replica; readonly to: ReplicaId }[] = [];
  readonly #streams = new Set<Promise<void>>();
  #network: PeerNetwork | undefined;
  #lastTransfer = 0;
  #stopped = false;

  constructor(options: CheckpointerOptions, checkpointer: Checkpointer) {
    this.#options = options;
    this.#checkpointer = checkpointer;
  }

  start(network: PeerNetwork): void {
    this.#network = network;
  }

  get sending(): number {
    return this.#outgoing.size;
  }

  get receiving(): number {
    return this.#incoming.size;
  }

  /** Ends what is under way; nothing begins any more. */
  stop(): void {
    this.#stopped = true;
    this.#refused = [];
    for (const outgoing of this.#outgoing.values()) this.#abort(outgoing);
  }

  /** Waits until nobody reads or writes the store any more; call after `stop`. */
  async close(): Promise<void> {
    await Promise.all(this.#streams);
    await Promise.allSettled([...this.#incoming.values()].map(({ tail }) => tail));
  }

  // --- sending

  /** Carries out a SnapshotOrder; when too many run already the core is told that it failed and asks again. */
  send(replica: Replica, order: SnapshotOrder, node: NodeId | undefined): void {
    if (this.#stopped) return;
    if (node === undefined || this.#outgoing.size >= nodeLimits.outgoingSnapshotsMax) {
      this.#refused.push({ replica, to: order.to });
      return;
    }
    const outgoing: Outgoing = {
      transfer: ++this.#lastTransfer,
      replica,
      to: order.to,
      node,
      acknowledged: -1,
      progressAtMs: this.#options.clock.monotonicMs(),
      over: false,
      wake: undefined,
    };
    this.#outgoing.set(outgoing.transfer, outgoing);
    const stream = this.#stream(outgoing, order.minimumIndex).then(
      (index) => {
        this.#finish(outgoing, index > 0, index);
      },
      (error: unknown) => {
        this.#options.fatal(error as Error);
      },
    );
    this.#streams.add(stream);
    void stream.then(() => {
      this.#streams.delete(stream);
    });
  }

  #report(replica: Replica, to: ReplicaId, ok: boolean, index: number): void {
    if (this.#stopped) return;
    replica.core.snapshotSent(to, ok, index);
    replica.poke();
  }

  #finish(outgoing: Outgoing, ok: boolean, index: number): void {
    this.#outgoing.delete(outgoing.transfer);
    const { replica, to, node } = outgoing;
    this.#options.logger.info({ partition: replica.group, node, ok, index }, "snapshot sent");
    this.#report(replica, to, ok, index);
  }

  /** The index that was sent whole, or 0. */
  async #stream(outgoing: Outgoing, minimumIndex: number): Promise<number> {
    const { replica } = outgoing;
    if ((this.#checkpointer.latest(replica.group)?.index ?? 0) < minimumIndex) await this.#checkpointer.run(replica);
    if ((this.#checkpointer.latest(replica.group)?.index ?? 0) < minimumIndex || outgoing.over) return 0;
    // Root and rows of one moment: checkpoints go on meanwhile, and under load there are many during one transfer.
    const view = await this.#options.store.view(replica.group);
    if (view === undefined) return 0;
    const { snapshot } = view.root;
    const unpin = this.#checkpointer.pin(replica.group, snapshot.index);
    try {
      return (await this.#sendRows(outgoing, view.rows, snapshot)) ? snapshot.index : 0;
    } finally {
      unpin();
    }
  }

  /** True when the last part, with the announcement of `snapshot` in it, was acknowledged. */
  async #sendRows(outgoing: Outgoing, view: AsyncIterable<Row[]>, snapshot: SnapshotMeta): Promise<boolean> {
    let number = 0;
    const part = new ByteWriter(64 * 1024);
    for await (const rows of view) {
      for (const row of rows) {
        part.bytes32(row.key);
        part.bytes32(row.value);
        if (part.length < nodeLimits.snapshotPartBytes) continue;
        if (!(await this.#sendPart(outgoing, number++, part.take(), new Uint8Array(0)))) return false;
      }
    }
    const { replica, to } = outgoing;
    const { id, term, role } = replica.core.status();
    if (role !== "leader") return false;
    const request = new ByteWriter();
    writeMessage(request, replica.group, { type: "snapshot-request", from: id, to, term, snapshot });
    if (!(await this.#sendPart(outgoing, number, part.take(), request.take()))) return false;
    while (!outgoing.over && outgoing.acknowledged < number) await this.#progress(outgoing);
    return !outgoing.over;
  }

  async #sendPart(outgoing: Outgoing, number: number, rows: Uint8Array, request: Uint8Array): Promise<boolean> {
    while (!outgoing.over && number - outgoing.acknowledged > nodeLimits.snapshotWindow) await this.#progress(outgoing);
    if (outgoing.over) return false;
    const { transfer, node } = outgoing;
    const part = {
      group: outgoing.replica.group,
      transfer,
      number,
      rows,
      request,
      acknowledgement: false,
      failed: false,
    };
    return this.#network?.sendSnapshotPart(node, part) ?? false;
  }

  #progress(outgoing: Outgoing): Promise<void> {
    return new Promise((resolve) => {
      outgoing.wake = resolve;
    });
  }

  /** The stream to `node` broke: what was on its way is lost. */
  disconnected(node: NodeId): void {
    for (const outgoing of this.#outgoing.values()) if (outgoing.node === node) this.#abort(outgoing);
    for (const [group, incoming] of this.#incoming)
      if (incoming.from === node && incoming.snapshot === undefined) this.#abandon(group, incoming);
  }

  /** A replica that lost its leadership has nothing to send any more; its slots are for others. */
  leadershipChanged(replica: Replica): void {
    if (replica.leadership.role === "leader") return;
    this.#refused = this.#refused.filter((order) => order.replica !== replica);
    for (const outgoing of this.#outgoing.values()) if (outgoing.replica === replica) this.#abort(outgoing);
  }

  /** A replica is removed: nothing of its group is sent or received any more. */
  forget(replica: Replica): void {
    this.#refused = this.#refused.filter((order) => order.replica !== replica);
    for (const outgoing of this.#outgoing.values()) if (outgoing.replica === replica) this.#abort(outgoing);
    const incoming = this.#incoming.get(replica.group);
    if (incoming !== undefined) this.#abandon(replica.group, incoming);
  }

  /** Ends transfers whose receiver went silent, and answers orders that found no slot. Called every second. */
  sweep(): void {
    const refused = this.#refused;
    this.#refused = [];
    for (const { replica, to } of refused) this.#report(replica, to, false, 0);
    const nowMs = this.#options.clock.monotonicMs();
    for (const outgoing of this.#outgoing.values())
      if (nowMs - outgoing.progressAtMs > nodeLimits.snapshotStallMs) this.#abort(outgoing);
  }

  #abort(outgoing: Outgoing): void {
    outgoing.over = true;
    outgoing.wake?.();
  }

  // --- receiving

  /** A part or its acknowledgement. Throws DecodeError, before anything is done, for a part that does not follow the format. */
  received(from: NodeId, replica: Replica, part: SnapshotPart): void {
    if (this.#stopped) return;
    if (part.acknowledgement) this.#acknowledged(from, part);
    else this.#store(from, replica, part, readRows(part.rows), readAnnouncement(part));
  }

  #acknowledged(from: NodeId, part: SnapshotPart): void {
    const outgoing = this.#outgoing.get(part.transfer);
    if (outgoing?.replica.group !== part.group || outgoing.node !== from) return;
    if (part.failed) {
      this.#abort(outgoing);
      return;
    }
    outgoing.acknowledged = Math.max(outgoing.acknowledged, part.number);
    outgoing.progressAtMs = this.#options.clock.monotonicMs();
    outgoing.wake?.();
  }

  #store(from: NodeId, replica: Replica, part: SnapshotPart, rows: Row[], announced: Announcement | undefined): void {
    const { group } = part;
    // One that was accepted is never dropped for a newer one: the core counts on it.
    if (replica.installing) {
      this.#answer(from, part, true);
      return;
    }
    let incoming = this.#incoming.get(group);
    if (part.number === 0) {
      if (incoming !== undefined) this.#abandon(group, incoming);
      const staged = this.#options.store.stage(group);
      incoming = { from, transfer: part.transfer, staged, next: 0, tail: Promise.resolve(), snapshot: undefined };
      this.#incoming.set(group, incoming);
    }
    const expected = incoming?.from === from && incoming.transfer === part.transfer && incoming.next === part.number;
    if (incoming === undefined || !expected) {
      this.#answer(from, part, true);
      return;
    }
    incoming.next++;
    const current = incoming;
    current.tail = current.tail.then(() => this.#storePart(current, replica, part, rows, announced));
    current.tail.catch((error: unknown) => {
      this.#options.fatal(error as Error);
    });
  }

  async #storePart(
    incoming: Incoming,
    replica: Replica,
    part: SnapshotPart,
    rows: Row[],
    announced: Announcement | undefined,
  ): Promise<void> {
    const current = (): boolean => !this.#stopped && this.#incoming.get(part.group) === incoming;
    if (!current()) return;
    const staged = await incoming.staged;
    await staged.add(rows);
    if (!current()) return;
    this.#answer(incoming.from, part, false);
    if (announced === undefined) return;
    incoming.snapshot = announced.snapshot;
    replica.step(announced);
    // The core decides now, not at the end of the event-loop turn: until then another transfer could take this one's place.
    replica.turn();
    if (!replica.installing) this.#abandon(part.group, incoming);
  }

  #answer(to: NodeId, part: SnapshotPart, failed: boolean): void {
    const empty = new Uint8Array(0);
    this.#network?.sendSnapshotPart(to, { ...part, rows: empty, request: empty, acknowledgement: true, failed });
  }

  #abandon(group: GroupId, incoming: Incoming): void {
    this.#incoming.delete(group);
    incoming.tail
      .then(() => incoming.staged)
      .then((staged) => staged.abandon())
      .catch((error: unknown) => {
        this.#options.fatal(error as Error);
      });
  }

  /** The core accepted the snapshot: makes it the state of the replica, durably, then tells it. */
  install(replica: Replica, snapshot: SnapshotMeta): void {
    void this.#checkpointer.exclusively(() => this.#install(replica, snapshot));
  }

  async #install(replica: Replica, snapshot: SnapshotMeta): Promise<void> {
    // The order to the log would come too late. What is staged is removed at the next start, and the leader offers it again.
    if (this.#stopped) return;
    const { store, log, logger } = this.#options;
    const { group } = replica;
    const incoming = this.#incoming.get(group);
    if (incoming?.snapshot?.index !== snapshot.index)
      throw new Error(`partition ${String(group)}: the accepted snapshot at ${String(snapshot.index)} is not staged`);
    this.#incoming.delete(group);
    await incoming.tail;
    // The checkpoint goes first: a crash in between leaves one that is ahead of the log, which start-up completes.
    await (await incoming.staged).commit(snapshot);
    const { term, vote } = replica.core.status();
    await log.installSnapshot(group, snapshot, { term, vote, commit: snapshot.index });
    const loader = this.#options.loaderOf(group);
    for await (const rows of store.rows(group)) loader.add(rows);
    this.#checkpointer.adopt(group, snapshot);
    replica.snapshotInstalled(snapshot, loader.finish(snapshot.index));
    logger.info({ partition: group, index: snapshot.index }, "snapshot installed");
  }
}

/** The announcement in the last part of a transfer; undefined in the others. */
function readAnnouncement({ group, request }: SnapshotPart): Announcement | undefined {
  if (request.length === 0) return undefined;
  const input = new ByteReader(request);
  const announced = readMessage(input);
  input.finish();
  if (announced.message.type !== "snapshot-request" || announced.group !== group)
    throw new DecodeError("the last part of a snapshot announces that snapshot");
  return announced.message;
}

function readRows(bytes: Uint8Array): Row[] {
  const input = new ByteReader(bytes);
  const rows: Row[] = [];
  while (input.remaining > 0) rows.push({ key: input.bytes32(), value: input.bytes32() });
  return rows;
}
