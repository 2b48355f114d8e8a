import { assert } from "../base/index.js";
import type { NodeId, SnapshotPart } from "../peer/index.js";
import type { SnapshotMeta } from "../raft/index.js";
import type { GroupId, Row, RowSummary, StagedCheckpoint } from "../storage/index.js";
import type { Checkpointer, CheckpointerOptions } from "./checkpointer.js";
import { nodeLimits } from "./limits.js";
import { loadRows } from "./load-rows.js";
import type { Replica } from "./replica.js";
import type { SnapshotPost, TransferName } from "./snapshot-post.js";
import { identityOf, readOffer, readRows, type SnapshotOffer, SnapshotRefusal } from "./snapshot-wire.js";

/** A checkpoint that arrives. Parts are stored one after the other. */
interface Incoming {
  readonly group: GroupId;
  readonly identity: string;
  readonly staged: Promise<StagedCheckpoint>;
  /** Of its newest sender, and what that announces. */
  from: NodeId;
  transfer: number;
  offer: SnapshotOffer;
  /** Parts that arrived, and those of them that are durable. */
  next: number;
  stored: number;
  tail: Promise<void>;
  progressAtMs: number;
  /** Its sender is gone: it waits for another that goes on with it. */
  isInterrupted: boolean;
  /** All parts arrived: the core decides, or has accepted it. */
  isComplete: boolean;
}

/**
 * Stages checkpoints that arrive beside the state of their replicas, and replaces the state in one step. What an interrupted
 * transfer has brought is kept for a while, as long as this process lives and there is no other use for its slot; whoever
 * offers the same rows goes on with it.
 */
export class SnapshotReceiver {
  readonly #options: CheckpointerOptions;
  readonly #checkpointer: Checkpointer;
  readonly #post: SnapshotPost;
  readonly #incoming = new Map<GroupId, Incoming>();
  readonly #leaving = new Set<Promise<void>>();
  #stopped = false;

  constructor(options: CheckpointerOptions, checkpointer: Checkpointer, post: SnapshotPost) {
    this.#options = options;
    this.#checkpointer = checkpointer;
    this.#post = post;
  }

  get active(): number {
    return this.#incoming.size;
  }

  /** Nothing is stored or installed any more. */
  stop(): void {
    this.#stopped = true;
  }

  /** Waits until nobody writes the store any more; call after `stop`. */
  async close(): Promise<void> {
    await Promise.all([...[...this.#incoming.values()].map(({ tail }) => tail), ...this.#leaving]);
  }

  /** What a sender says. Throws DecodeError, before anything is done, for a part that does not follow the format. */
  received(from: NodeId, replica: Replica, part: SnapshotPart): void {
    if (part.kind === "offer") this.#offered(from, replica, part, readOffer(part));
    else this.#continued(from, replica, part, part.kind === "rows" ? readRows(part) : undefined);
  }

  /** The stream to `node` broke: what it was sending may be gone on with later. */
  disconnected(node: NodeId): void {
    for (const incoming of this.#incoming.values()) if (incoming.from === node) incoming.isInterrupted = true;
  }

  /** Gives up what nobody went on with. Called every second. */
  sweep(): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const incoming of this.#incoming.values())
      if (!incoming.isComplete && nowMs - incoming.progressAtMs > nodeLimits.snapshotResumeMs) this.#abandon(incoming);
  }

  /** The replica is removed. */
  forget(group: GroupId): void {
    const incoming = this.#incoming.get(group);
    if (incoming !== undefined) this.#abandon(incoming);
  }

  // --- parts

  #offered(from: NodeId, replica: Replica, part: SnapshotPart, offer: SnapshotOffer): void {
    const { group, transfer } = part;
    const { announcement } = offer;
    const { id, commit } = replica.core.status();
    if (announcement.to !== id) {
      this.#refuse(from, part, SnapshotRefusal.unwanted);
      return;
    }
    if (announcement.snapshot.index <= commit && !replica.installing) {
      // Everything in it is here already: the core says so to its leader (raft.md section 7).
      replica.step(announcement);
      this.#post.say(from, part, "accepted");
      return;
    }
    const identity = identityOf(offer);
    const known = this.#incoming.get(group);
    if (known?.identity === identity && !known.isComplete) {
      Object.assign(known, { from, transfer, offer, isInterrupted: false });
      this.#tellStored(known, part);
      return;
    }
    if (replica.installing || !this.#makeRoom(known, from, offer)) {
      this.#refuse(from, part, SnapshotRefusal.busy);
      return;
    }
    const incoming: Incoming = {
      ...{ group, identity, from, transfer, offer },
      staged: this.#options.store.stage(group),
      next: 0,
      stored: 0,
      tail: Promise.resolve(),
      progressAtMs: this.#options.clock.monotonicMs(),
      isInterrupted: false,
      isComplete: false,
    };
    this.#incoming.set(group, incoming);
    this.#tellStored(incoming, part);
  }

  /** Once all that came before is stored: parts that are on their way then are those of another transfer. */
  #tellStored(incoming: Incoming, name: TransferName): void {
    this.#then(incoming, () => {
      incoming.progressAtMs = this.#options.clock.monotonicMs();
      if (incoming.transfer === name.transfer)
        this.#post.say(incoming.from, name, "stored", { number: incoming.stored });
      return Promise.resolve();
    });
  }

  /** Whether there is a slot, after giving up what nobody goes on with. `known`: another transfer to the same replica. */
  #makeRoom(known: Incoming | undefined, from: NodeId, offer: SnapshotOffer): boolean {
    if (known !== undefined) {
      const isOutdated = known.from === from || offer.announcement.term > known.offer.announcement.term;
      if (known.isComplete || !(isOutdated || this.#isLeft(known))) return false;
      this.#abandon(known);
    }
    if (this.#incoming.size < nodeLimits.incomingSnapshotsMax) return true;
    const left = [...this.#incoming.values()].filter((incoming) => !incoming.isComplete && this.#isLeft(incoming));
    const oldest = left.sort((a, b) => a.progressAtMs - b.progressAtMs)[0];
    if (oldest === undefined) return false;
    this.#abandon(oldest);
    return true;
  }

  /** Nobody seems to go on with it. */
  #isLeft({ isInterrupted, progressAtMs }: Incoming): boolean {
    return isInterrupted || this.#options.clock.monotonicMs() - progressAtMs > nodeLimits.snapshotStallMs;
  }

  /** `rows` of a part, undefined at the end. */
  #continued(from: NodeId, replica: Replica, part: SnapshotPart, rows: Row[] | undefined): void {
    const incoming = this.#incoming.get(part.group);
    const isCurrent = incoming?.from === from && incoming.transfer === part.transfer && !incoming.isComplete;
    if (incoming === undefined || !isCurrent || incoming.next !== part.number) {
      this.#refuse(from, part, SnapshotRefusal.lost);
      return;
    }
    if (rows === undefined) {
      incoming.isComplete = true;
      this.#then(incoming, (staged) => this.#offerToCore(incoming, replica, part, staged));
      return;
    }
    incoming.next++;
    this.#then(incoming, (staged) => this.#store(incoming, part, rows, staged));
  }

  async #store(incoming: Incoming, part: SnapshotPart, rows: Row[], staged: StagedCheckpoint): Promise<void> {
    await staged.add(rows);
    incoming.stored++;
    incoming.progressAtMs = this.#options.clock.monotonicMs();
    this.#post.counts.partsReceived++;
    this.#post.counts.bytesReceived += part.rows.length;
    if (incoming.transfer === part.transfer) this.#post.say(incoming.from, part, "stored", { number: incoming.stored });
  }

  #offerToCore(incoming: Incoming, replica: Replica, part: SnapshotPart, staged: StagedCheckpoint): Promise<void> {
    const { offer, from, group } = incoming;
    const { logger } = this.#options;
    const found = staged.summary();
    if (!isSame(found, offer)) {
      const { index } = offer.announcement.snapshot;
      const { rowCount, hash } = offer;
      const sums = { found, offered: { rowCount, hash } };
      logger.error({ partition: group, node: from, index, ...sums }, "a snapshot arrived damaged; it starts afresh");
      this.#post.counts.damaged++;
      this.#refuse(from, part, SnapshotRefusal.damaged);
      this.#abandon(incoming);
      return Promise.resolve();
    }
    replica.step(offer.announcement);
    // The core decides now, not at the end of the event-loop turn: until then another transfer could take this one's place.
    replica.turn();
    this.#post.say(from, part, "accepted");
    if (!replica.installing) this.#abandon(incoming);
    return Promise.resolve();
  }

  /** Does `work` after all that was asked for before, unless the transfer is given up by then. */
  #then(incoming: Incoming, work: (staged: StagedCheckpoint) => Promise<void>): void {
    const isCurrent = (): boolean => !this.#stopped && this.#incoming.get(incoming.group) === incoming;
    incoming.tail = incoming.tail
      .then(async () => {
        const staged = await incoming.staged;
        if (isCurrent()) await work(staged);
      })
      .catch((error: unknown) => {
        this.#options.fatal(error as Error);
      });
  }

  #refuse(to: NodeId, name: TransferName, reason: number): void {
    this.#post.say(to, name, "refused", { number: reason });
  }

  #abandon(incoming: Incoming): void {
    this.#incoming.delete(incoming.group);
    const leaving = incoming.tail
      .then(() => incoming.staged)
      .then((staged) => staged.abandon())
      .catch((error: unknown) => {
        this.#options.fatal(error as Error);
      });
    this.#leaving.add(leaving);
    void leaving.then(() => {
      this.#leaving.delete(leaving);
    });
  }

  // --- the end

  /** The core accepted the snapshot: makes it the state of the replica, durably, then tells it. */
  install(replica: Replica, snapshot: SnapshotMeta): void {
    const incoming = this.#incoming.get(replica.group);
    assert(incoming?.isComplete === true, "a snapshot is accepted when all of it is staged");
    assert(
      incoming.offer.announcement.snapshot.index === snapshot.index,
      "the snapshot that is accepted is the one offered",
    );
    void this.#checkpointer.exclusively(() => this.#install(replica, snapshot, incoming));
  }

  async #install(replica: Replica, snapshot: SnapshotMeta, incoming: Incoming): Promise<void> {
    const { store, log, logger, timers } = this.#options;
    const { group } = replica;
    // Stopped: the order to the log would come too late; what is staged is removed at the next start, and the leader offers it
    // again. Or the replica was removed meanwhile.
    if (this.#stopped || this.#incoming.get(group) !== incoming) return;
    this.#incoming.delete(group);
    await incoming.tail;
    // The checkpoint goes first: a crash in between leaves one that is ahead of the log, which start-up completes.
    await (await incoming.staged).commit(snapshot);
    const { term, vote } = replica.core.status();
    await log.installSnapshot(group, snapshot, { term, vote, commit: snapshot.index });
    const loader = this.#options.loaderOf(group);
    await loadRows(loader, store.rows(group), timers);
    this.#checkpointer.adopt(group, snapshot);
    replica.snapshotInstalled(snapshot, loader.finish(snapshot.index));
    logger.info({ partition: group, index: snapshot.index }, "snapshot installed");
  }
}

function isSame(a: RowSummary, b: RowSummary): boolean {
  return a.rowCount === b.rowCount && a.hash.low === b.hash.low && a.hash.high === b.hash.high;
}
