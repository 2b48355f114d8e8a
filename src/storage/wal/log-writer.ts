import { assert, type Clock, type Timers } from "../../base/index.js";
import { asError } from "../errors.js";
import { FRAME_BYTES_MAX, LAZY_BYTES_MAX, PAGE_BYTES } from "../limits.js";
import type { FlushObserver, GroupId } from "../shard-log.js";
import { FrameBuilder } from "./frame-builder.js";
import { FrameShares } from "./frame-shares.js";
import type { GroupLog } from "./group-log.js";
import { alignUp, FRAME_HEADER_BYTES, FrameFlag, frameSeed, SEGMENT_HEADER_BYTES } from "./layout.js";
import type { Segment, SegmentList } from "./segment.js";
import { encodeSegmentHeader, type LogOwner } from "./segment-header.js";
import { segmentName, type SegmentSupply } from "./segment-supply.js";
import type { Submission } from "./submission.js";
import { encodeIndex, encodeSubmission, type FrameTarget } from "./submission-encoder.js";

export interface WriterOptions {
  readonly owner: LogOwner;
  readonly directory: string;
  readonly segmentBytes: number;
  readonly supply: SegmentSupply;
  readonly segments: SegmentList;
  readonly timers: Pick<Timers, "soon">;
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly randomU32: () => number;
  readonly observer: FlushObserver | undefined;
  /** Called once. Nothing is acknowledged afterwards. */
  readonly onFatal: (error: Error) => void;
  /** The first frame of a new segment is durable. */
  readonly onRolled: () => void;
  /** A flush changed which segments are needed. */
  readonly onTrimmed: () => void;
}

/** Where the log ends; no segment yet in a new log. */
export interface LogEnd {
  readonly segment: Segment | undefined;
  readonly position: number;
  readonly sequence: number;
  readonly chain: number;
}

/** A record of another frame to be written again; its first `summedBytes` are what a frame's sum covers. */
export interface RawRecord {
  readonly bytes: Uint8Array;
  readonly summedBytes: number;
}

/** A frame as it went to the disk. */
interface WrittenFrame {
  readonly target: FrameTarget;
  readonly buffers: readonly Uint8Array[];
  readonly bytes: number;
}

/**
 * The one writer of a shard: gathers everything submitted into one frame, writes it with one writev, syncs it with one
 * fdatasync, and then calls everybody back in order of submission. One flush is in flight; what comes meanwhile rides on
 * the next. An error of a write or a sync ends the log: after a failed fsync nobody knows what is on disk, and asking again
 * would be answered with a lie (raft.md section 4).
 */
export class LogWriter {
  /** Groups as of the last frame built. */
  readonly groups: Map<GroupId, GroupLog>;
  readonly #options: WriterOptions;
  readonly #builder = new FrameBuilder();
  readonly #shares = new FrameShares();
  #segment: Segment | undefined;
  #position: number;
  #sequence: number;
  #chain: number;
  #queue: Submission[] = [];
  #queuedBytes = 0;
  #awaited = 0;
  #scheduled = false;
  #flushing = false;
  #failure: Error | undefined;
  #waiters: (() => void)[] = [];
  #flushes = 0;
  #bytesWritten = 0;
  #payloadBytes = 0;

  constructor(options: WriterOptions, groups: Map<GroupId, GroupLog>, end: LogEnd) {
    this.#options = options;
    this.groups = groups;
    this.#segment = end.segment;
    this.#position = end.position;
    this.#sequence = end.sequence;
    this.#chain = end.chain;
  }

  /** Sequence of the last durable frame. */
  get sequence(): number {
    return this.#sequence;
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  get segment(): Segment | undefined {
    return this.#segment;
  }

  get pendingBytes(): number {
    return this.#queuedBytes;
  }

  get counters(): { readonly flushes: number; readonly bytesWritten: number; readonly payloadBytes: number } {
    return { flushes: this.#flushes, bytesWritten: this.#bytesWritten, payloadBytes: this.#payloadBytes };
  }

  /** Queues a submission; ignored after a failure. When `awaited`, a flush begins at the end of this turn. */
  submit(submission: Submission, awaited: boolean): void {
    if (this.#failure !== undefined) return;
    this.#queue.push(submission);
    this.#queuedBytes += submission.bytes;
    if (awaited) this.#awaited++;
    this.#schedule();
  }

  /** Resolves after the next flush to finish, or when the log fails. Starts one if only orders that nobody awaited are queued. */
  nextFlush(): Promise<void> {
    if (this.#failure !== undefined) return Promise.resolve();
    const flushed = new Promise<void>((resolve) => {
      this.#waiters.push(resolve);
    });
    this.#schedule();
    return flushed;
  }

  /** Writes everything queued, awaited or not, and then an empty frame with the clean-shutdown mark. */
  async finish(): Promise<void> {
    while (this.#failure === undefined && (this.#flushing || this.#queue.length > 0)) {
      if (this.#flushing) await this.nextFlush();
      else await this.#flush();
    }
    if (this.#failure !== undefined) return;
    const roll = this.#mustRoll(0);
    try {
      await this.#writeFrame(roll, FrameFlag.clean, () => undefined);
    } catch (error) {
      this.fail(asError(error));
    }
  }

  /**
   * Begins a new segment at once. `records`, of frames that nothing proves to be synced, are written again in the same frame
   * as the index: a frame is all or nothing, so at any moment either the old or the new copy counts. Returns the frame's bytes.
   */
  async begin(
    records: readonly RawRecord[],
  ): Promise<{ readonly segmentId: number; readonly offset: number; readonly bytes: Buffer }> {
    const written = await this.#writeFrame(true, FrameFlag.recovery, () => {
      for (const record of records) this.#builder.addRaw(record.bytes, record.summedBytes);
    });
    const { segmentId, offset } = written.target;
    return { segmentId, offset, bytes: Buffer.concat(written.buffers, written.bytes) };
  }

  fail(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    const abandoned = this.#queue;
    this.#queue = [];
    this.#queuedBytes = 0;
    for (const submission of abandoned) {
      if ("fail" in submission) submission.fail(error);
    }
    this.#wake();
    this.#options.onFatal(error);
  }

  #schedule(): void {
    if (this.#scheduled || this.#flushing || this.#failure !== undefined) return;
    if (this.#awaited === 0 && this.#waiters.length === 0 && this.#queuedBytes < LAZY_BYTES_MAX) return;
    this.#scheduled = true;
    this.#options.timers.soon(() => {
      this.#scheduled = false;
      if (!this.#flushing && this.#queue.length > 0) void this.#flush();
    });
  }

  async #flush(): Promise<void> {
    this.#flushing = true;
    const finished: Submission[] = [];
    const startedMs = this.#options.clock.monotonicMs();
    try {
      const roll = this.#mustRoll(Math.min(this.#queuedBytes, FRAME_BYTES_MAX));
      const frame = await this.#writeFrame(roll, 0, (target) => {
        this.#encodeQueued(target, finished);
      });
      this.#refuseAfterFailure();
      this.#complete(finished);
      this.#options.observer?.flushed(frame.bytes, finished.length, this.#options.clock.monotonicMs() - startedMs);
    } catch (error) {
      for (const submission of finished) {
        if ("fail" in submission) submission.fail(asError(error));
      }
      this.fail(asError(error));
    }
    this.#flushing = false;
    this.#wake();
    this.#schedule();
  }

  #mustRoll(queuedBytes: number): boolean {
    if (this.#segment === undefined) return true;
    return this.#position + alignUp(FRAME_HEADER_BYTES + queuedBytes, PAGE_BYTES) > this.#segment.capacity;
  }

  /** Moves submissions from the queue into the frame until it is full; a last order may go only in part and stays queued. */
  #encodeQueued(target: FrameTarget, finished: Submission[]): void {
    let budget = FRAME_BYTES_MAX;
    for (const submission of this.#queue) {
      if (submission.bytes > budget && (submission.type !== "order" || budget < FRAME_BYTES_MAX)) break;
      const before = submission.bytes;
      const whole = encodeSubmission(target, submission, budget);
      if (!whole) {
        this.#queuedBytes -= before - submission.bytes;
        break;
      }
      finished.push(submission);
      this.#queuedBytes -= before;
      budget -= before;
    }
    this.#queue = this.#queue.slice(finished.length);
    for (const submission of finished) if (isAwaited(submission)) this.#awaited--;
  }

  /** Builds, writes and syncs one frame, at the head of the next segment when `roll`. */
  async #writeFrame(roll: boolean, flags: number, encode: (target: FrameTarget) => void): Promise<WrittenFrame> {
    const current = this.#segment;
    const next = roll ? await this.#nextSegment() : undefined;
    const segment = next?.segment ?? current;
    assert(segment !== undefined, "the log has a segment or begins one");
    const offset = next === undefined ? this.#position : SEGMENT_HEADER_BYTES;
    this.#refuseAfterFailure();
    const { groups } = this;
    const target = { builder: this.#builder, groups, shares: this.#shares, segmentId: segment.id, offset };
    this.#builder.begin(segment.seed);
    if (next !== undefined) encodeIndex(this.#builder, groups);
    encode(target);
    const allFlags = flags | (next === undefined ? 0 : FrameFlag.index);
    const frame = this.#builder.finish(this.#sequence + 1, this.#sequence, this.#chain, allFlags);
    this.#shares.settle(frame.bytes);
    if (next === undefined) await segment.handle.writev(frame.buffers, offset);
    else await segment.handle.writev([next.header, ...frame.buffers], 0);
    await segment.handle.datasync();
    this.#advance(segment, offset + frame.bytes, frame.chain);
    this.#bytesWritten += frame.bytes;
    this.#payloadBytes += this.#builder.payloadBytes;
    this.#flushes++;
    if (next !== undefined) this.#options.segments.add(segment);
    if (next !== undefined) this.#options.onRolled();
    return { target, buffers: frame.buffers, bytes: frame.bytes };
  }

  #advance(segment: Segment, position: number, chain: number): void {
    this.#segment = segment;
    this.#position = position;
    this.#sequence++;
    this.#chain = chain;
    segment.end = position;
  }

  async #nextSegment(): Promise<{ readonly segment: Segment; readonly header: Buffer }> {
    const { supply, directory, owner, segmentBytes, randomU32 } = this.#options;
    const id = (this.#segment?.id ?? 0) + 1;
    const { handle } = await supply.take(id);
    const salt = randomU32();
    const header = encodeSegmentHeader({
      owner,
      segmentId: id,
      salt,
      previousSequence: this.#sequence,
      previousChain: this.#chain,
    });
    const path = `${directory}/${segmentName(id)}`;
    const seed = frameSeed(salt, id);
    return { segment: { id, path, handle, seed, capacity: segmentBytes, end: 0, readers: 0, retired: false }, header };
  }

  /** What is durable now takes effect, then everybody is called back. */
  #complete(finished: readonly Submission[]): void {
    let trimmed = false;
    for (const submission of finished) {
      const { log } = submission;
      if (submission.type === "order") {
        log.durableLast = log.table.last;
        trimmed ||= submission.order.truncateFrom !== undefined;
        continue;
      }
      trimmed = true;
      if (submission.type === "checkpoint") log.table.trim(Math.min(log.keepFrom, log.table.last + 1));
    }
    if (trimmed) this.#options.onTrimmed();
    for (const submission of finished) {
      if (submission.type !== "checkpoint") submission.done();
    }
  }

  /** The supply of segments may have failed while this flush was waiting. */
  #refuseAfterFailure(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const resolve of waiters) resolve();
  }
}

function isAwaited(submission: Submission): boolean {
  if (submission.type === "order") return submission.order.mustSync;
  return submission.type !== "checkpoint";
}
