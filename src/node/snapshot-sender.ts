import type { NodeId, SnapshotPart } from "../peer/index.js";
import type { Index, ReplicaId } from "../raft/index.js";
import type { GroupId } from "../storage/index.js";
import { ByteRate } from "./byte-rate.js";
import type { Checkpointer, CheckpointerOptions } from "./checkpointer.js";
import { nodeLimits } from "./limits.js";
import type { SnapshotPost } from "./snapshot-post.js";
import { type NumberedRows, SnapshotSource } from "./snapshot-source.js";
import { type SendOrder, SnapshotStream } from "./snapshot-stream.js";
import { SnapshotRefusal, writeOffer } from "./snapshot-wire.js";

/** An interrupted transfer: what was read and is not known to be stored, and the view behind it. */
interface Kept {
  readonly group: GroupId;
  readonly to: ReplicaId;
  readonly source: SnapshotSource;
  readonly untilMs: number;
}

type Result =
  | "sent"
  /** The receiver lacks parts that are not kept any more. */
  | "restart"
  | "interrupted"
  /** The receiver takes it later. */
  | "busy"
  | "useless"
  /** There is no checkpoint here that helps. */
  | "none";

/** How long to wait for room in the buffer towards a peer. */
const BUFFER_FULL_MS = 20;

/**
 * Streams checkpoints of this node to others, a few at a time and within a rate. A transfer that is interrupted is kept for a
 * while: its next attempt goes on after the last part that the receiver has stored.
 */
export class SnapshotSender {
  readonly #options: CheckpointerOptions;
  readonly #checkpointer: Checkpointer;
  readonly #post: SnapshotPost;
  readonly #rate: ByteRate;
  readonly #streams = new Set<SnapshotStream>();
  readonly #running = new Set<Promise<void>>();
  readonly #closing = new Set<Promise<void>>();
  #kept: Kept[] = [];
  /** Reports that wait for the next sweep, since their receivers are asked again at once. */
  #late: (() => void)[] = [];
  #lastTransfer = 0;
  #stopped = false;

  constructor(options: CheckpointerOptions, checkpointer: Checkpointer, post: SnapshotPost) {
    this.#options = options;
    this.#checkpointer = checkpointer;
    this.#post = post;
    this.#rate = new ByteRate(options.clock, nodeLimits.snapshotBytesPerSecondMax);
  }

  get active(): number {
    return this.#streams.size;
  }

  /** An earlier transfer to `to` could be gone on with. */
  keeps(group: GroupId, to: ReplicaId, minimumIndex: Index): boolean {
    return this.#kept.some((kept) => fits(kept, group, to, minimumIndex));
  }

  /** False when there is no slot: nothing will happen, nothing is reported. */
  send(order: SendOrder): boolean {
    const { replica, to } = order;
    if (this.#stopped || this.#streams.size >= nodeLimits.outgoingSnapshotsMax) return false;
    for (const { order: other } of this.#streams) if (other.replica === replica && other.to === to) return false;
    const stream = new SnapshotStream(order);
    this.#streams.add(stream);
    const running = this.#run(stream).catch((error: unknown) => {
      this.#options.fatal(error as Error);
    });
    this.#running.add(running);
    void running.then(() => {
      this.#running.delete(running);
    });
    return true;
  }

  /** What a receiver says of a transfer. */
  answered(from: NodeId, part: SnapshotPart): void {
    for (const stream of this.#streams) {
      const { node, replica } = stream.order;
      if (stream.transfer !== part.transfer || node !== from || replica.group !== part.group) continue;
      stream.hear(part, this.#options.clock.monotonicMs());
    }
  }

  /** The stream to `node` broke: what was on its way is lost. */
  disconnected(node: NodeId): void {
    for (const stream of this.#streams) if (stream.order.node === node) stream.abort(true);
  }

  /** Ends transfers that nobody needs any more, kept ones too. */
  drop(useless: (order: Pick<SendOrder, "to" | "term" | "leader">) => boolean, group: GroupId): void {
    for (const stream of this.#streams)
      if (stream.order.replica.group === group && useless(stream.order)) stream.abort(false);
  }

  /** Interrupts transfers whose receivers went silent, and makes the reports that could wait. Called every second. */
  sweep(): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const stream of this.#streams) if (stream.silentMs(nowMs) > nodeLimits.snapshotStallMs) stream.abort(true);
    const late = this.#late;
    this.#late = [];
    for (const report of late) report();
    this.#release((kept) => kept.untilMs <= nowMs);
  }

  /** Ends what is under way; nothing begins any more, and nothing is reported. */
  stop(): void {
    this.#stopped = true;
    this.#late = [];
    for (const stream of this.#streams) stream.abort(false);
  }

  /** Waits until nobody reads the store any more; call after `stop`. */
  async close(): Promise<void> {
    await Promise.all(this.#running);
    this.#release(() => true);
    await Promise.all(this.#closing);
  }

  async #run(stream: SnapshotStream): Promise<void> {
    const { order } = stream;
    let source = this.#take(order);
    let result: Result = source === undefined ? "restart" : await this.#attempt(stream, source);
    if (result === "restart") {
      if (source !== undefined) this.#close(source);
      source = await this.#open(order);
      if (source === undefined) result = "none";
      else result = stream.isOver() ? resultOf(stream) : await this.#attempt(stream, source);
    }
    this.#streams.delete(stream);
    this.#settle(stream, source, result);
  }

  #settle({ order, isWorthKeeping, stored }: SnapshotStream, source: SnapshotSource | undefined, result: Result): void {
    const { replica, node } = order;
    const index = source?.root.snapshot.index ?? 0;
    const what = { partition: replica.group, node, index, parts: stored, result };
    if (result === "sent") this.#options.logger.info(what, "snapshot sent");
    else this.#options.logger[isFailure(result) ? "warn" : "debug"](what, "snapshot not sent whole");
    if (isFailure(result)) this.#post.counts.failed++;
    if (source !== undefined) {
      // Of one that never began there is nothing to go on with.
      if (result === "interrupted" && isWorthKeeping && !this.#stopped && source.made > 0) this.#keep(order, source);
      else this.#close(source);
    }
    const report = (): void => {
      if (this.#stopped) return;
      if (result === "sent") order.done("sent", index);
      else order.done(result === "none" ? "cannot" : "failed", 0);
    };
    if (result === "busy" || result === "useless") this.#late.push(report);
    else report();
  }

  /** The newest checkpoint, after writing one if the last does not reach far enough; undefined when none does. */
  async #open({ replica, minimumIndex, leader }: SendOrder): Promise<SnapshotSource | undefined> {
    const { group, core } = replica;
    const latest = (): Index => this.#checkpointer.latest(group)?.index ?? 0;
    // Whoever sends in the name of another does not go that far: the leader can do it itself.
    if (latest() < minimumIndex && core.status().id === leader) await this.#checkpointer.run(replica);
    if (latest() < minimumIndex || this.#stopped) return undefined;
    // Root and rows of one moment: checkpoints go on meanwhile, and under load there are many during one transfer.
    const view = await this.#options.store.view(group);
    if (view === undefined) return undefined;
    const unpin = this.#checkpointer.pin(group, view.root.snapshot.index);
    return new SnapshotSource(view, nodeLimits.snapshotPartBytes, unpin);
  }

  async #attempt(stream: SnapshotStream, source: SnapshotSource): Promise<Result> {
    await this.#offer(stream, source);
    await stream.until(() => stream.answered);
    if (stream.isOver() || stream.accepted) return resultOf(stream);
    if (!source.seek(stream.stored)) return "restart";
    if (stream.stored > 0) this.#post.counts.resumed++;
    for (let part = await source.next(); part !== undefined && !stream.isOver(); part = await source.next()) {
      const { number, rows } = part;
      await stream.until(() => number - stream.stored < nodeLimits.snapshotWindow);
      await this.#pause(stream, this.#rate.take(rows.length));
      await this.#deliver(stream, "rows", part);
      source.stored(stream.stored);
    }
    await this.#deliver(stream, "end", { number: source.made });
    await stream.until(() => stream.accepted);
    return resultOf(stream);
  }

  #offer(stream: SnapshotStream, source: SnapshotSource): Promise<void> {
    const { replica, leader, to, term } = stream.order;
    const { snapshot, rowCount, hash } = source.root;
    const announcement = { type: "snapshot-request", from: leader, to, term, snapshot } as const;
    stream.begin(++this.#lastTransfer, this.#options.clock.monotonicMs());
    const detail = writeOffer(replica.group, { rowCount, hash, partBytes: source.partBytes, announcement });
    return this.#deliver(stream, "offer", { detail });
  }

  /** Hands something to the network as soon as that has room for it. What gets lost is noticed by the silence that follows. */
  async #deliver(
    stream: SnapshotStream,
    kind: "offer" | "rows" | "end",
    content: Partial<NumberedRows & Pick<SnapshotPart, "detail">>,
  ): Promise<void> {
    const { node, replica } = stream.order;
    const name = { group: replica.group, transfer: stream.transfer };
    while (!stream.isOver()) {
      if (this.#post.say(node, name, kind, content)) {
        if (content.rows !== undefined) this.#post.sent(content.rows.length);
        stream.moved(this.#options.clock.monotonicMs());
        return;
      }
      if (!this.#post.isConnected(node)) stream.abort(true);
      else await this.#pause(stream, BUFFER_FULL_MS);
    }
  }

  async #pause(stream: SnapshotStream, delayMs: number): Promise<void> {
    if (delayMs < 1 || stream.isOver()) return;
    let isOver = false;
    const timer = this.#options.timers.after(delayMs, () => {
      isOver = true;
      stream.poke();
    });
    await stream.until(() => isOver);
    timer.cancel();
  }

  // --- what is kept

  #keep({ replica, to }: SendOrder, source: SnapshotSource): void {
    const untilMs = this.#options.clock.monotonicMs() + nodeLimits.snapshotResumeMs;
    this.#kept.push({ group: replica.group, to, source, untilMs });
    if (this.#kept.length > nodeLimits.interruptedSnapshotsMax) {
      const oldest = this.#kept[0];
      this.#release((kept) => kept === oldest);
    }
  }

  /** What is kept for `to` is of no use once the log no longer follows it. */
  #take({ replica, to, minimumIndex }: SendOrder): SnapshotSource | undefined {
    const found = this.#kept.find((kept) => fits(kept, replica.group, to, minimumIndex));
    this.#kept = this.#kept.filter((kept) => kept !== found);
    this.#release((kept) => kept.group === replica.group && kept.to === to);
    return found?.source;
  }

  /** Ends what is kept for replicas of a group that others look after now. */
  forget(group: GroupId): void {
    this.#release((kept) => kept.group === group);
  }

  #release(useless: (kept: Kept) => boolean): void {
    const gone = this.#kept.filter(useless);
    if (gone.length === 0) return;
    this.#kept = this.#kept.filter((kept) => !gone.includes(kept));
    for (const { source } of gone) this.#close(source);
  }

  #close(source: SnapshotSource): void {
    const closing = source.close().catch((error: unknown) => {
      this.#options.fatal(error as Error);
    });
    this.#closing.add(closing);
    void closing.then(() => {
      this.#closing.delete(closing);
    });
  }
}

function fits(kept: Kept, group: GroupId, to: ReplicaId, minimumIndex: Index): boolean {
  return kept.group === group && kept.to === to && kept.source.root.snapshot.index >= minimumIndex;
}

const isFailure = (result: Result): boolean => result === "interrupted" || result === "useless";

function resultOf({ accepted, refusal }: SnapshotStream): Result {
  if (accepted) return "sent";
  if (refusal === undefined || refusal === SnapshotRefusal.lost) return "interrupted";
  return refusal === SnapshotRefusal.busy ? "busy" : "useless";
}
