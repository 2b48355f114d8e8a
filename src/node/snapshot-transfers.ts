import type { NodeId, PeerNetwork, SnapshotPart } from "../peer/index.js";
import type { Index, ReplicaId, SnapshotMeta, SnapshotOrder } from "../raft/index.js";
import type { Checkpointer, CheckpointerOptions } from "./checkpointer.js";
import { DelegatedWork } from "./delegated-work.js";
import type { Replica } from "./replica.js";
import { SettlingSnapshots } from "./settling-snapshots.js";
import { SnapshotDelegates } from "./snapshot-delegates.js";
import { type SnapshotCounts, SnapshotPost } from "./snapshot-post.js";
import { SnapshotReceiver } from "./snapshot-receiver.js";
import { SnapshotSender } from "./snapshot-sender.js";

export interface TransferOptions extends CheckpointerOptions {
  /** The node of another replica; undefined when it is not known. */
  nodeOf(replica: ReplicaId): NodeId | undefined;
}

/**
 * Moves whole checkpoints between nodes, for followers that need entries which the log no longer has. The sender streams its
 * newest checkpoint in parts with a window; the receiver stages them beside its state, sees that they are what was offered,
 * and replaces the state in one step. A leader that is busy sending asks other replicas to send for it.
 */
export class SnapshotTransfers {
  readonly #post = new SnapshotPost();
  readonly #sender: SnapshotSender;
  readonly #receiver: SnapshotReceiver;
  readonly #delegates: SnapshotDelegates;
  readonly #delegated: DelegatedWork;
  readonly #settling: SettlingSnapshots;
  /** Orders that found no slot: answered at the next sweep, so that their leaders ask again. */
  #refused: { readonly replica: Replica; readonly to: ReplicaId }[] = [];
  #stopped = false;

  constructor(options: TransferOptions, checkpointer: Checkpointer) {
    this.#settling = new SettlingSnapshots(options.clock, checkpointer);
    this.#sender = new SnapshotSender(options, checkpointer, this.#post);
    this.#receiver = new SnapshotReceiver(options, checkpointer, this.#post);
    this.#delegated = new DelegatedWork(this.#sender, this.#post, options);
    const nodeOf = (replica: ReplicaId): NodeId | undefined => options.nodeOf(replica);
    this.#delegates = new SnapshotDelegates(options, checkpointer, this.#post, nodeOf, {
      finished: (replica, to, index) => {
        this.#report(replica, to, index);
      },
      declined: (replica, order, node) => {
        this.#sendOwn(replica, order, node);
      },
    });
  }

  start(network: PeerNetwork): void {
    this.#post.start(network);
  }

  get sending(): number {
    return this.#sender.active;
  }

  get receiving(): number {
    return this.#receiver.active;
  }

  get counts(): SnapshotCounts {
    return this.#post.counts;
  }

  /** Ends what is under way; nothing begins any more. */
  stop(): void {
    this.#stopped = true;
    this.#refused = [];
    this.#sender.stop();
    this.#receiver.stop();
  }

  /** Waits until nobody reads or writes the store any more; call after `stop`. */
  async close(): Promise<void> {
    await Promise.all([this.#sender.close(), this.#receiver.close()]);
  }

  /** Carries out a SnapshotOrder; when too many run already the core is told that it failed and asks again. */
  send(replica: Replica, order: SnapshotOrder, node: NodeId | undefined): void {
    if (this.#stopped) return;
    if (node === undefined) {
      this.#refused.push({ replica, to: order.to });
      return;
    }
    const isKept = this.#sender.keeps(replica.group, order.to, order.minimumIndex);
    if (!isKept && this.#delegates.ask(replica, order, node, this.#sender.active > 0)) return;
    this.#sendOwn(replica, order, node);
  }

  #sendOwn(replica: Replica, { to, minimumIndex }: SnapshotOrder, node: NodeId): void {
    const { id: leader, term } = replica.core.status();
    const done = (_: unknown, index: Index): void => {
      this.#report(replica, to, index);
    };
    if (!this.#sender.send({ replica, to, node, minimumIndex, leader, term, done }))
      this.#refused.push({ replica, to });
  }

  /** `index`: of what was sent, 0 when nothing was. */
  #report(replica: Replica, to: ReplicaId, index: Index): void {
    if (this.#stopped) return;
    if (index > 0) this.#settling.sent(replica, to, index);
    replica.core.snapshotSent(to, index > 0, index);
    replica.poke();
  }

  /** The stream to `node` broke: what was on its way is lost. */
  disconnected(node: NodeId): void {
    if (this.#stopped) return;
    this.#sender.disconnected(node);
    this.#receiver.disconnected(node);
    this.#delegates.disconnected(node);
  }

  /** A replica that lost its leadership has nothing to send any more, nor has whoever sends for a leader of the past. */
  leadershipChanged(replica: Replica): void {
    const { group, leadership } = replica;
    const { id } = replica.core.status();
    const leads = leadership.role === "leader";
    this.#sender.drop(({ term, leader }) => leadership.term > term || (leader === id && !leads), group);
    if (leads) return;
    this.#refused = this.#refused.filter((order) => order.replica !== replica);
    this.#sender.forget(group);
    this.#delegates.drop(replica);
    this.#settling.drop(replica);
  }

  /** A replica is removed: nothing of its group is sent or received any more. */
  forget(replica: Replica): void {
    const { group } = replica;
    this.#refused = this.#refused.filter((order) => order.replica !== replica);
    this.#sender.drop(() => true, group);
    this.#sender.forget(group);
    this.#receiver.forget(group);
    this.#delegates.drop(replica);
    this.#settling.drop(replica);
  }

  /** Ends transfers whose other side went silent, and answers orders that found no slot. Called every second. */
  sweep(): void {
    const refused = this.#refused;
    this.#refused = [];
    for (const { replica, to } of refused) this.#report(replica, to, 0);
    this.#sender.sweep();
    this.#receiver.sweep();
    this.#delegates.sweep();
    this.#delegated.sweep();
    this.#settling.sweep();
  }

  /** What another node says. Throws DecodeError, before anything is done, for a part that does not follow the format. */
  received(from: NodeId, replica: Replica, part: SnapshotPart): void {
    if (this.#stopped) return;
    switch (part.kind) {
      case "offer":
      case "rows":
      case "end":
        this.#receiver.received(from, replica, part);
        return;
      case "stored":
      case "accepted":
      case "refused":
        this.#sender.answered(from, part);
        return;
      case "delegate":
        this.#delegated.asked(from, replica, part);
        return;
      case "delegated":
        this.#delegates.reported(from, part);
        return;
      default:
        part.kind satisfies never;
    }
  }

  /** The core accepted the snapshot: makes it the state of the replica, durably, then tells it. */
  install(replica: Replica, snapshot: SnapshotMeta): void {
    this.#receiver.install(replica, snapshot);
  }
}
