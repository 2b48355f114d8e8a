import { ByteReader, ByteWriter } from "../base/index.js";
import { loadMachine, type MachineLoader } from "../partition/index.js";
import { type NodeId, type PeerNetwork, readMessage, type SnapshotPart, writeMessage } from "../peer/index.js";
import type { ReplicaId, SnapshotMeta, SnapshotOrder } from "../raft/index.js";
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
  #network: PeerNetwork | undefined;
  #lastTransfer = 0;

  constructor(options: CheckpointerOptions, checkpointer: Checkpointer) {
    this.#options = options;
    this.#checkpointer = checkpointer;
  }

  start(network: PeerNetwork): void {
    this.#network = network;
  }

  // --- sending

  /** Carries out a SnapshotOrder; when too many run already the core is told that it failed and asks again. */
  send(replica: Replica, order: SnapshotOrder, node: NodeId): void {
    if (this.#outgoing.size >= nodeLimits.outgoingSnapshotsMax) {
      this.#options.timers.after(1_000, () => {
        this.#report(replica, order.to, false, 0);
      });
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
    this.#stream(outgoing, order.minimumIndex).then(
      (index) => {
        this.#finish(outgoing, index > 0, index);
      },
      (error: unknown) => {
        this.#options.fatal(error as Error);
      },
    );
  }

  #report(replica: Replica, to: ReplicaId, ok: boolean, index: number): void {
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
    const snapshot = this.#checkpointer.latest(replica.group);
    const status = replica.core.status();
    if (snapshot === undefined || snapshot.index < minimumIndex || status.role !== "leader") return 0;
    let number = 0;
    const part = new ByteWriter(64 * 1024);
    for await (const rows of this.#options.store.rows(replica.group)) {
      // Rows of a later checkpoint than the one announced would not fit its index.
      if (this.#checkpointer.latest(replica.group) !== snapshot) return 0;
      for (const row of rows) {
        part.bytes32(row.key);
        part.bytes32(row.value);
        if (part.length < nodeLimits.snapshotPartBytes) continue;
        if (!(await this.#sendPart(outgoing, number++, part.take(), new Uint8Array(0)))) return 0;
      }
    }
    const request = new ByteWriter();
    const { id, term } = status;
    writeMessage(request, replica.group, { type: "snapshot-request", from: id, to: outgoing.to, term, snapshot });
    if (!(await this.#sendPart(outgoing, number, part.take(), request.take()))) return 0;
    while (!outgoing.over && outgoing.acknowledged < number) await this.#progress(outgoing);
    return outgoing.over ? 0 : snapshot.index;
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
  }

  /** A replica that lost its leadership has nothing to send any more; its slots are for others. */
  leadershipChanged(replica: Replica): void {
    if (replica.leadership.role === "leader") return;
    for (const outgoing of this.#outgoing.values()) if (outgoing.replica === replica) this.#abort(outgoing);
  }

  /** Ends transfers whose receiver went silent. */
  giveUpStalled(): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const outgoing of this.#outgoing.values())
      if (nowMs - outgoing.progressAtMs > nodeLimits.snapshotStallMs) this.#abort(outgoing);
  }

  #abort(outgoing: Outgoing): void {
    outgoing.over = true;
    outgoing.wake?.();
  }

  // --- receiving

  received(from: NodeId, replica: Replica, part: SnapshotPart): void {
    if (part.acknowledgement) this.#acknowledged(part);
    else this.#store(from, replica, part);
  }

  #acknowledged(part: SnapshotPart): void {
    const outgoing = this.#outgoing.get(part.transfer);
    if (outgoing?.replica.group !== part.group) return;
    if (part.failed) {
      this.#abort(outgoing);
      return;
    }
    outgoing.acknowledged = Math.max(outgoing.acknowledged, part.number);
    outgoing.progressAtMs = this.#options.clock.monotonicMs();
    outgoing.wake?.();
  }

  #store(from: NodeId, replica: Replica, part: SnapshotPart): void {
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
    current.tail = current.tail.then(() => this.#storePart(current, replica, part));
    current.tail.catch((error: unknown) => {
      this.#options.fatal(error as Error);
    });
  }

  async #storePart(incoming: Incoming, replica: Replica, part: SnapshotPart): Promise<void> {
    if (this.#incoming.get(part.group) !== incoming) return;
    const staged = await incoming.staged;
    await staged.add(readRows(part.rows));
    if (this.#incoming.get(part.group) !== incoming) return;
    this.#answer(incoming.from, part, false);
    if (part.request.length === 0) return;
    const { message } = readMessage(new ByteReader(part.request));
    if (message.type !== "snapshot-request") return;
    incoming.snapshot = message.snapshot;
    replica.step(message);
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
    const loader: MachineLoader = loadMachine();
    for await (const rows of store.rows(group)) loader.add(rows);
    this.#checkpointer.adopt(group, snapshot);
    replica.snapshotInstalled(snapshot, loader.finish(snapshot.index));
    logger.info({ partition: group, index: snapshot.index }, "snapshot installed");
  }
}

function readRows(bytes: Uint8Array): Row[] {
  const input = new ByteReader(bytes);
  const rows: Row[] = [];
  while (input.remaining > 0) rows.push({ key: input.bytes32(), value: input.bytes32() });
  return rows;
}
