import type { NodeId, SnapshotPart } from "../peer/index.js";
import type { Index, ReplicaId, SnapshotOrder } from "../raft/index.js";
import type { Checkpointer, CheckpointerOptions } from "./checkpointer.js";
import { nodeLimits } from "./limits.js";
import type { Replica } from "./replica.js";
import type { SnapshotPost } from "./snapshot-post.js";
import { DelegateState, readDelegateReport, writeDelegateOrder } from "./snapshot-wire.js";

/** A snapshot that this leader owes, and has asked another replica to send. */
interface Asked {
  readonly replica: Replica;
  readonly order: SnapshotOrder;
  /** Who receives, and who sends. */
  readonly node: NodeId;
  readonly delegate: NodeId;
  readonly unpin: () => void;
  heardAtMs: number;
}

/** What a delegate's work came to, for the leader's core or for another way to the same end. */
export interface DelegateListener {
  /** `index` is 0 unless it was sent. */
  finished(replica: Replica, to: ReplicaId, index: Index): void;
  /** It cannot do it: the leader must. */
  declined(replica: Replica, order: SnapshotOrder, node: NodeId): void;
}

/**
 * A leader's choice of other replicas that send snapshots for it. Any replica that is up to date may: the core of the receiver
 * accepts every snapshot that reconnects to the leader's log (raft.md section 7), and the leader is the busiest of all.
 */
export class SnapshotDelegates {
  readonly #options: CheckpointerOptions;
  readonly #checkpointer: Checkpointer;
  readonly #post: SnapshotPost;
  readonly #nodeOf: (replica: ReplicaId) => NodeId | undefined;
  readonly #listener: DelegateListener;
  readonly #asked = new Map<number, Asked>();
  /** Who was interrupted last on behalf of a receiver, and could go on; and until when others are not to be asked. */
  readonly #begun = new Map<string, { readonly delegate: NodeId; readonly untilMs: number }>();
  readonly #declined = new Map<string, number>();
  #lastTransfer = 0;

  constructor(
    options: CheckpointerOptions,
    checkpointer: Checkpointer,
    post: SnapshotPost,
    nodeOf: (replica: ReplicaId) => NodeId | undefined,
    listener: DelegateListener,
  ) {
    this.#options = options;
    this.#checkpointer = checkpointer;
    this.#post = post;
    this.#nodeOf = nodeOf;
    this.#listener = listener;
  }

  /** Transfers that others send for leaders here. */
  get active(): number {
    return this.#asked.size;
  }

  /**
   * Asks another replica to send, if one is up to date, in reach and not known to be unable: the one that began before, or,
   * when this node is `busy` sending, the one that was asked for the least. False when the leader must do it.
   */
  ask(replica: Replica, order: SnapshotOrder, node: NodeId, busy: boolean): boolean {
    const { group } = replica;
    const delegate = this.#choose(replica, order, node, busy);
    if (delegate === undefined) return false;
    const { id, term } = replica.core.status();
    const transfer = ++this.#lastTransfer;
    const detail = writeDelegateOrder({ to: order.to, node, minimumIndex: order.minimumIndex, leader: id, term });
    if (!this.#post.say(delegate, { group, transfer }, "delegate", { detail })) return false;
    const unpin = this.#checkpointer.pin(group, order.minimumIndex);
    const heardAtMs = this.#options.clock.monotonicMs();
    this.#asked.set(transfer, { replica, order, node, delegate, unpin, heardAtMs });
    this.#post.counts.delegated++;
    return true;
  }

  #choose(replica: Replica, { to, minimumIndex }: SnapshotOrder, node: NodeId, busy: boolean): NodeId | undefined {
    const { group } = replica;
    const begun = this.#begun.get(nameOf(group, to))?.delegate;
    if (!busy && begun === undefined) return undefined;
    let chosen: NodeId | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const peer of replica.core.status().peers) {
      const caughtUp = peer.state === "replicate" && peer.recentlyActive && peer.match >= minimumIndex;
      const other = caughtUp && peer.id !== to ? this.#nodeOf(peer.id) : undefined;
      if (other === undefined || other === node || !this.#post.isConnected(other)) continue;
      if (this.#declined.has(`${nameOf(group, to)} ${other}`)) continue;
      if (other === begun) return other;
      const load = this.#loadOf(other);
      if (!busy || load >= least) continue;
      least = load;
      chosen = other;
    }
    return chosen;
  }

  #loadOf(delegate: NodeId): number {
    let load = 0;
    for (const asked of this.#asked.values()) if (asked.delegate === delegate) load++;
    return load;
  }

  /** What a delegate reports. Throws DecodeError for what does not follow the format. */
  reported(from: NodeId, part: SnapshotPart): void {
    const { state, index } = readDelegateReport(part);
    const asked = this.#asked.get(part.transfer);
    if (asked?.delegate !== from || asked.replica.group !== part.group) return;
    const nowMs = this.#options.clock.monotonicMs();
    asked.heardAtMs = nowMs;
    if (state === DelegateState.underWay) return;
    this.#end(part.transfer, asked);
    const { replica, order, node } = asked;
    const name = nameOf(part.group, order.to);
    if (state === DelegateState.cannot) {
      this.#decline(name, from);
      this.#listener.declined(replica, order, node);
      return;
    }
    if (state === DelegateState.failed)
      this.#begun.set(name, { delegate: from, untilMs: nowMs + nodeLimits.snapshotResumeMs });
    this.#listener.finished(replica, order.to, state === DelegateState.sent ? index : 0);
  }

  /** `node` is out of reach: as a delegate it reports no more. */
  disconnected(node: NodeId): void {
    this.#giveUp((asked) => asked.delegate === node);
  }

  /** Gives up those of whom nothing is heard. Called every second. */
  sweep(): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const [name, { untilMs }] of this.#begun) if (untilMs <= nowMs) this.#begun.delete(name);
    for (const [name, untilMs] of this.#declined) if (untilMs <= nowMs) this.#declined.delete(name);
    this.#giveUp(({ heardAtMs }) => nowMs - heardAtMs > nodeLimits.delegateSilenceMs);
  }

  #giveUp(lost: (asked: Asked) => boolean): void {
    for (const [transfer, asked] of [...this.#asked]) {
      if (!lost(asked)) continue;
      this.#end(transfer, asked);
      this.#decline(nameOf(asked.replica.group, asked.order.to), asked.delegate);
      this.#listener.finished(asked.replica, asked.order.to, 0);
    }
  }

  #decline(name: string, delegate: NodeId): void {
    this.#begun.delete(name);
    this.#declined.set(`${name} ${delegate}`, this.#options.clock.monotonicMs() + nodeLimits.delegateDeclinedMs);
  }

  /** The replica leads no more, or is removed: whatever its delegates send is not its business. */
  drop(replica: Replica): void {
    for (const [transfer, asked] of [...this.#asked]) if (asked.replica === replica) this.#end(transfer, asked);
  }

  #end(transfer: number, asked: Asked): void {
    this.#asked.delete(transfer);
    asked.unpin();
  }
}

function nameOf(group: number, to: ReplicaId): string {
  return `${String(group)} ${String(to)}`;
}
