import { assert, AssertionError } from "../../base/index.js";
import type { Entry, HardState, Index, SnapshotMeta } from "../../raft/index.js";
import { asError } from "../errors.js";
import { ENTRY_BYTES_MAX } from "../limits.js";
import type { GroupId, LogOrder, ShardLog, ShardLogStats } from "../shard-log.js";
import type { EntryReader } from "./entry-reader.js";
import { GroupLog, initialState } from "./group-log.js";
import type { LogWriter } from "./log-writer.js";
import type { SegmentList } from "./segment.js";
import type { SegmentSupply } from "./segment-supply.js";
import { CONTROL_BYTES, orderBytes } from "./submission.js";

export interface SegmentedLogStats extends ShardLogStats {
  /** Prepared segments ready for the next roll-over. */
  readonly spareSegments: number;
  /** No room was found for a spare segment: posts should be refused before the log itself needs one. */
  readonly spaceLow: boolean;
}

/** The shard's log with what an operator and the host's retention need besides the contract. */
export interface SegmentedShardLog extends ShardLog {
  stats(): SegmentedLogStats;
  /** Groups whose entries keep the oldest segment alive: checkpoint these first to give space back. At most `countMax`. */
  pinning(countMax: number): GroupId[];
  /** Why nothing is acknowledged any more, if so. */
  failure(): Error | undefined;
}

export interface LogParts {
  readonly writer: LogWriter;
  readonly reader: EntryReader;
  readonly segments: SegmentList;
  readonly supply: SegmentSupply;
  /** Records in the superblock that everything written so far is durable. */
  readonly markDurable: () => Promise<void>;
}

/** The log of storage.md section 5: what it promises stands with the interface. */
export class SegmentedLog implements SegmentedShardLog {
  readonly #parts: LogParts;
  /** Groups as of the last submission; the writer has its own view, as of the last frame. */
  readonly #groups: Map<GroupId, GroupLog>;
  #closing: Promise<void> | undefined;

  constructor(parts: LogParts) {
    this.#parts = parts;
    this.#groups = new Map(parts.writer.groups);
  }

  createGroup(group: GroupId, incarnation: string, start: SnapshotMeta): Promise<void> {
    this.#assertOpen();
    assert(Number.isInteger(group) && group >= 0 && group <= 0xffffffff, "a group number is a u32");
    assert(!this.#groups.has(group), `group ${String(group)} exists`);
    const log = new GroupLog(group, incarnation, initialState(start));
    this.#groups.set(group, log);
    return this.#control((done, fail) => {
      this.#parts.writer.submit({ type: "create", log, bytes: CONTROL_BYTES, done, fail }, true);
    });
  }

  holds(group: GroupId): boolean {
    return this.#groups.has(group);
  }

  removeGroup(group: GroupId): Promise<void> {
    this.#assertOpen();
    const log = this.#logOf(group);
    this.#groups.delete(group);
    return this.#control((done, fail) => {
      this.#parts.writer.submit({ type: "remove", log, bytes: CONTROL_BYTES, done, fail }, true);
    });
  }

  submit(order: LogOrder, onDurable: () => void): void {
    this.#assertOpen();
    const log = this.#logOf(order.group);
    checkOrder(log, order);
    const last = order.entries.at(-1);
    if (order.truncateFrom !== undefined) {
      log.submittedLast = Math.min(log.submittedLast, order.truncateFrom - 1);
      log.cutSubmitted(order.truncateFrom);
    }
    if (last !== undefined) log.submittedLast = last.index;
    const submission = { type: "order", log, order, done: onDurable, nextEntry: 0, bytes: orderBytes(order) } as const;
    this.#parts.writer.submit(submission, order.mustSync);
  }

  async read(group: GroupId, low: Index, high: Index, bytesMax: number): Promise<Entry[]> {
    const { writer, reader } = this.#parts;
    for (;;) {
      const log = this.#groups.get(group);
      if (log === undefined || low < log.table.first || low > log.submittedLast || low >= high) return [];
      // Not yet on disk, or about to be cut off: the flush that settles it is under way or comes next.
      if (low > log.readableLast) {
        if (writer.failure !== undefined) throw writer.failure;
        await writer.nextFlush();
        continue;
      }
      return reader.read(log, low, Math.min(high, log.readableLast + 1), bytesMax);
    }
  }

  checkpointed(group: GroupId, snapshot: SnapshotMeta, keepFrom: Index): void {
    this.#assertOpen();
    const log = this.#logOf(group);
    assert(snapshot.index <= log.submittedLast, "a checkpoint cannot be ahead of the log");
    assert(keepFrom <= snapshot.index + 1, "entries after the checkpoint are still needed");
    if (snapshot.index < log.submittedSnapshot) return;
    log.submittedSnapshot = snapshot.index;
    this.#parts.writer.submit({ type: "checkpoint", log, bytes: CONTROL_BYTES, snapshot, keepFrom }, false);
  }

  installSnapshot(group: GroupId, snapshot: SnapshotMeta, hard: HardState): Promise<void> {
    this.#assertOpen();
    const log = this.#logOf(group);
    assert(snapshot.index >= log.submittedSnapshot, "an installed snapshot never goes back");
    log.submittedLast = snapshot.index;
    log.submittedSnapshot = snapshot.index;
    log.cutSubmitted(0);
    return this.#control((done, fail) => {
      this.#parts.writer.submit({ type: "install", log, bytes: CONTROL_BYTES, snapshot, hard, done, fail }, true);
    });
  }

  firstIndex(group: GroupId): Index {
    return this.#logOf(group).table.first;
  }

  bytesAfter(group: GroupId, index: Index): number {
    return this.#logOf(group).table.logBytesAfter(index);
  }

  pinning(countMax: number): GroupId[] {
    const { writer, segments } = this.#parts;
    const oldest = segments.oldest;
    const groups: GroupId[] = [];
    for (const { group, table } of writer.groups.values()) {
      if (groups.length >= countMax) break;
      if (table.count > 0 && table.segmentAt(table.first) === (oldest?.id ?? 0) >>> 0) groups.push(group);
    }
    return groups;
  }

  failure(): Error | undefined {
    return this.#parts.writer.failure;
  }

  stats(): SegmentedLogStats {
    const { writer, segments, supply } = this.#parts;
    return {
      ...writer.counters,
      segments: segments.count,
      pendingBytes: writer.pendingBytes,
      spareSegments: supply.readyCount,
      spaceLow: supply.spaceLow,
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { writer, segments, supply, markDurable } = this.#parts;
    await writer.finish();
    if (writer.failure === undefined) await markDurable();
    const handles = [...(await supply.stop()), ...segments.all().map(({ handle }) => handle)];
    const closed = await Promise.allSettled(handles.map((handle) => handle.close()));
    const failed = closed.find(({ status }) => status === "rejected");
    // After a failure of the log nothing more is to be said about its files.
    if (failed?.status === "rejected" && writer.failure === undefined) throw asError(failed.reason);
  }

  #control(submit: (done: () => void, fail: (error: Error) => void) => void): Promise<void> {
    const { failure } = this.#parts.writer;
    if (failure !== undefined) return Promise.reject(failure);
    return new Promise(submit);
  }

  #logOf(group: GroupId): GroupLog {
    const log = this.#groups.get(group);
    if (log === undefined) throw new AssertionError(`group ${String(group)} is not in the log`);
    return log;
  }

  #assertOpen(): void {
    assert(this.#closing === undefined, "the log is closed");
  }
}

/** The programmer errors that a restart would turn into lost data: gaps, cuts below the checkpoint, oversized entries. */
function checkOrder(log: GroupLog, order: LogOrder): void {
  const from = order.truncateFrom;
  let next = log.submittedLast + 1;
  if (from !== undefined) {
    assert(from > log.submittedSnapshot, "truncation below the checkpoint");
    assert(from <= next, "truncation would leave a gap");
    next = from;
  }
  for (const entry of order.entries) {
    if (entry.index !== next)
      throw new AssertionError(`entry ${String(entry.index)} does not follow entry ${String(next - 1)}`);
    assert(entry.data.length <= ENTRY_BYTES_MAX, "entry too large");
    next++;
  }
}
