import { ByteReader, DecodeError } from "../../base/index.js";
import {
  type Configuration,
  decodeConfiguration,
  EntryKind,
  type Index,
  type RestoredState,
} from "../../raft/index.js";
import { CorruptionError, REPLACE_NODE_ADVICE } from "../errors.js";
import { PAGE_BYTES } from "../limits.js";
import type { GroupId, RecoveredGroup } from "../shard-log.js";
import type { Frame } from "./frame.js";
import { FrameShares } from "./frame-shares.js";
import { GroupLog } from "./group-log.js";
import { decodeCheckpoint, decodeGroupState, decodeInstalled } from "./group-record.js";
import { alignUp, FRAME_HEADER_BYTES, GroupRecordKind, readU64, RECORD_HEADER_BYTES, RecordType } from "./layout.js";

interface ConfigurationAt {
  readonly index: Index;
  readonly configuration: Configuration;
}

/** One record, read off a verified frame. */
interface RecordView {
  readonly frame: Frame;
  readonly at: number;
  readonly end: number;
  readonly kind: number;
  readonly group: GroupId;
  readonly index: number;
  readonly term: number;
}

/**
 * The state that a sequence of frames describes: later records win. Frames are verified before they come here, so whatever
 * does not fit is a lost or foreign frame, or a defect of the writer, and is refused.
 */
export class Replay {
  readonly groups = new Map<GroupId, GroupLog>();
  readonly #configurations = new Map<GroupLog, ConfigurationAt[]>();
  readonly #shares = new FrameShares();
  readonly #pathOf: (segmentId: number) => string;

  constructor(pathOf: (segmentId: number) => string) {
    this.#pathOf = pathOf;
  }

  apply(frame: Frame): void {
    const { bytes } = frame;
    let at = FRAME_HEADER_BYTES;
    for (let i = 0; i < frame.header.records; i++) {
      const length = bytes.readUInt32LE(at);
      this.#applyRecord(frame, at, at + length);
      at += alignUp(length, 8);
    }
    this.#shares.settle(alignUp(frame.header.bytes, PAGE_BYTES));
  }

  /** What the groups start from. Throws CorruptionError when entries that a group still needs are missing. */
  recovered(): RecoveredGroup[] {
    const all: RecoveredGroup[] = [];
    for (const log of this.groups.values()) {
      this.#checkComplete(log);
      log.durableLast = log.table.last;
      log.submittedLast = log.table.last;
      log.submittedSnapshot = log.snapshot.index;
      all.push({ group: log.group, incarnation: log.incarnation, state: this.#restored(log) });
    }
    return all.sort((a, b) => a.group - b.group);
  }

  #restored(log: GroupLog): RestoredState {
    const { index } = log.snapshot;
    return {
      hard: log.hard,
      snapshot: log.snapshot,
      termRuns: log.table.termRunsAfter(index),
      lastIndex: log.table.last,
      configurations: this.#configurationsOf(log).filter((found) => found.index > index),
    };
  }

  #checkComplete(log: GroupLog): void {
    const { table, keepFrom, hard, snapshot } = log;
    const name = `group ${String(log.group)}`;
    if (table.first > keepFrom) {
      this.#refuse(undefined, -1, `${name} lacks its entries ${String(keepFrom)} to ${String(table.first - 1)}`);
    }
    if (hard.commit > table.last || snapshot.index > table.last) {
      const needed = Math.max(hard.commit, snapshot.index);
      this.#refuse(
        undefined,
        -1,
        `${name} ends at entry ${String(table.last)}, but entry ${String(needed)} was durable`,
      );
    }
  }

  #applyRecord(frame: Frame, at: number, end: number): void {
    const { bytes } = frame;
    const record: RecordView = {
      frame,
      at,
      end,
      kind: bytes[at + 5] as number,
      group: bytes.readUInt32LE(at + 8),
      index: readU64(bytes, at + 16),
      term: readU64(bytes, at + 24),
    };
    const type = bytes[at + 4] as RecordType;
    try {
      if (type === RecordType.group) this.#applyGroup(record);
      else this.#applyTo(type, record, this.#logOf(record));
    } catch (error) {
      if (error instanceof DecodeError) this.#refuse(frame, at, `record cannot be decoded (${error.message})`);
      throw error;
    }
  }

  #applyTo(type: Exclude<RecordType, typeof RecordType.group>, record: RecordView, log: GroupLog): void {
    switch (type) {
      case RecordType.entry:
        this.#applyEntry(record, log);
        return;
      case RecordType.hard:
        log.hard = { term: record.term, vote: this.#body(record).u64(), commit: record.index };
        return;
      case RecordType.truncate:
        this.#applyTruncate(record, log);
        return;
      case RecordType.remove:
        this.groups.delete(record.group);
        this.#configurations.delete(log);
        return;
      case RecordType.snapshot:
        this.#applySnapshot(record, log);
        return;
      case RecordType.checkpoint:
        this.#applyCheckpoint(record, log);
        return;
      default:
        this.#refuse(record.frame, record.at, `unknown record type ${String(type satisfies never)}`);
    }
  }

  #applyGroup(record: RecordView): void {
    const state = decodeGroupState(this.#body(record));
    const incarnation = incarnationOf(record);
    const known = this.groups.get(record.group);
    if (record.kind === GroupRecordKind.created && known !== undefined) {
      this.#refuse(record.frame, record.at, `group ${String(record.group)} is created twice`);
    }
    if (known !== undefined) {
      if (known.incarnation === incarnation && known.table.last === state.lastIndex) return;
      this.#refuse(
        record.frame,
        record.at,
        `group ${String(record.group)} does not continue where the frames before it end`,
      );
    }
    this.groups.set(record.group, new GroupLog(record.group, incarnation, state));
  }

  #applyEntry(record: RecordView, log: GroupLog): void {
    const { frame, at, end } = record;
    if (record.index !== log.table.last + 1) {
      const problem = `entry ${String(record.index)} of group ${String(log.group)} follows entry ${String(log.table.last)}`;
      this.#refuse(frame, at, problem);
    }
    const payloadBytes = end - at - RECORD_HEADER_BYTES;
    log.table.append(record.term, frame.segmentId, frame.offset + at, payloadBytes);
    this.#shares.add(log, payloadBytes);
    if (record.kind !== EntryKind.config) return;
    const configuration = decodeConfiguration(frame.bytes.subarray(at + RECORD_HEADER_BYTES, end));
    this.#configurationsOf(log).push({ index: record.index, configuration });
  }

  #applyTruncate(record: RecordView, log: GroupLog): void {
    if (record.index <= log.snapshot.index) {
      this.#refuse(record.frame, record.at, `group ${String(log.group)} is cut below its checkpoint`);
    }
    log.table.truncate(record.index);
    const kept = this.#configurationsOf(log).filter((found) => found.index < record.index);
    this.#configurations.set(log, kept);
  }

  #applySnapshot(record: RecordView, log: GroupLog): void {
    const { hard, snapshot } = decodeInstalled(this.#body(record));
    log.hard = hard;
    log.snapshot = snapshot;
    log.keepFrom = snapshot.index + 1;
    log.table.reset(snapshot.index);
    this.#configurations.delete(log);
  }

  #applyCheckpoint(record: RecordView, log: GroupLog): void {
    const snapshot = decodeCheckpoint(this.#body(record));
    if (record.index > log.table.last + 1 || snapshot.index > log.table.last) {
      this.#refuse(record.frame, record.at, `checkpoint of group ${String(log.group)} is ahead of its log`);
    }
    log.snapshot = snapshot;
    log.keepFrom = record.index;
    log.table.trim(record.index);
  }

  #logOf(record: RecordView): GroupLog {
    const log = this.groups.get(record.group);
    if (log?.incarnation === incarnationOf(record)) return log;
    return this.#refuse(record.frame, record.at, `record for group ${String(record.group)} of another incarnation`);
  }

  #body(record: RecordView): ByteReader {
    return new ByteReader(record.frame.bytes, record.at + RECORD_HEADER_BYTES, record.end);
  }

  #configurationsOf(log: GroupLog): ConfigurationAt[] {
    let found = this.#configurations.get(log);
    if (found === undefined) {
      found = [];
      this.#configurations.set(log, found);
    }
    return found;
  }

  #refuse(frame: Frame | undefined, at: number, problem: string): never {
    const path = this.#pathOf(frame === undefined ? 0 : frame.segmentId);
    throw new CorruptionError(path, frame === undefined ? -1 : frame.offset + at, problem, REPLACE_NODE_ADVICE);
  }
}

function incarnationOf(record: RecordView): string {
  return record.frame.bytes.toString("hex", record.at + 32, record.at + 40);
}
