import { CorruptionError, REPLACE_NODE_ADVICE } from "../errors.js";
import { PAGE_BYTES } from "../limits.js";
import type { GroupId } from "../shard-log.js";
import type { Frame } from "./frame.js";
import { FrameScanner } from "./frame-scanner.js";
import {
  alignUp,
  GroupRecordKind,
  RECORD_HEADER_BYTES,
  RecordType,
  FRAME_HEADER_BYTES,
  SEGMENT_HEADER_BYTES,
} from "./layout.js";
import type { RawRecord } from "./log-writer.js";
import type { GroupLog } from "./group-log.js";
import { Replay } from "./replay.js";
import type { SegmentFile } from "./segment-files.js";
import { seedOf } from "./segment-header.js";
import { segmentName } from "./segment-supply.js";

/** What reading the segments gave. */
export interface RecoveredLog {
  /** The state of all frames that are proven to be on disk. */
  readonly replay: Replay;
  readonly segments: readonly SegmentFile[];
  /** Segments at the end whose first frame never became whole: a roll-over that nobody was told of. */
  readonly unfinished: readonly SegmentFile[];
  readonly ends: readonly number[];
  /** Whole frames after the proven ones: perhaps only in the page cache, perhaps acknowledged. To be written again. */
  readonly unproven: readonly Frame[];
  /** Sequence and sum of the last proven frame, and where the next one goes if nothing is unproven. */
  readonly sequence: number;
  readonly chain: number;
  readonly position: number;
}

/**
 * Reads all frames in order (storage.md section 5.10). A frame is proven to be on disk when a later frame, a later segment's
 * header or the superblock says so: each of those was written only after its fdatasync had returned. A bad frame at or below
 * the proven mark is damage to data that may have been acknowledged, and is refused; beyond it, it is the tail that a crash
 * tore, and the log ends before it.
 */
export async function recoverLog(
  files: readonly SegmentFile[],
  superblockSequence: number,
  directory: string,
): Promise<RecoveredLog> {
  const segments = [...files];
  const unfinished: SegmentFile[] = [];
  for (let last = segments.at(-1); last !== undefined; last = segments.at(-1)) {
    if (await isBegun(last, superblockSequence)) break;
    unfinished.push(last);
    segments.pop();
  }
  const reader = new LogReader(superblockSequence, directory);
  for (let i = 0; i < segments.length; i++) {
    const next = segments[i + 1];
    await reader.readSegment(segments[i] as SegmentFile, next?.header.previousSequence ?? Number.MAX_SAFE_INTEGER);
  }
  return reader.result(segments, unfinished);
}

/** Whether the segment's first frame is whole. Refuses when it is not, but was durable. */
async function isBegun(file: SegmentFile, superblockSequence: number): Promise<boolean> {
  const { previousSequence, previousChain } = file.header;
  const scanner = scannerOf(file);
  const first = await scanner.frameAt(SEGMENT_HEADER_BYTES);
  const expected = previousSequence + 1;
  if (typeof first !== "string" && first.header.sequence === expected && first.header.previousChain === previousChain)
    return true;
  const problem = typeof first === "string" ? first : "frame out of sequence";
  await refuseIfDurable(file, scanner, SEGMENT_HEADER_BYTES, expected, superblockSequence, problem);
  return false;
}

async function refuseIfDurable(
  file: SegmentFile,
  scanner: FrameScanner,
  offset: number,
  expected: number,
  superblockSequence: number,
  problem: string,
): Promise<void> {
  const witness = await scanner.search(offset, (frame) => frame.header.durableSequence >= expected);
  if (superblockSequence < expected && witness === undefined) return;
  const proof = witness === undefined ? "the superblock" : `a frame at offset ${String(witness.offset)}`;
  throw new CorruptionError(
    file.path,
    offset,
    `frame ${String(expected)} is damaged (${problem}), but ${proof} proves that it was durable`,
    REPLACE_NODE_ADVICE,
  );
}

function scannerOf(file: SegmentFile): FrameScanner {
  return new FrameScanner(file.handle, file.id, seedOf(file.header), file.bytes);
}

class LogReader {
  readonly #superblockSequence: number;
  readonly #replay: Replay;
  readonly #unproven: Frame[] = [];
  readonly #ends: number[] = [];
  #proven: number;
  #started = false;
  #sequence = 0;
  #chain = 0;
  #position = SEGMENT_HEADER_BYTES;

  constructor(superblockSequence: number, directory: string) {
    this.#superblockSequence = superblockSequence;
    this.#proven = superblockSequence;
    this.#replay = new Replay((id) => (id === 0 ? directory : `${directory}/${segmentName(id)}`));
  }

  /** Reads frames up to and including sequence `bound`, which the next segment's header names; the last segment has no bound. */
  async readSegment(file: SegmentFile, bound: number): Promise<void> {
    this.#enter(file);
    const scanner = scannerOf(file);
    let position = SEGMENT_HEADER_BYTES;
    while (this.#sequence < bound) {
      const frame = await scanner.frameAt(position);
      const problem = this.#problemOf(frame);
      if (problem !== undefined || typeof frame === "string") {
        const known = bound === Number.MAX_SAFE_INTEGER ? this.#superblockSequence : bound;
        await refuseIfDurable(file, scanner, position, this.#sequence + 1, known, problem ?? "no frame");
        break;
      }
      this.#take(frame);
      position += alignUp(frame.header.bytes, PAGE_BYTES);
    }
    this.#position = position;
    this.#ends.push(position);
  }

  result(segments: readonly SegmentFile[], unfinished: readonly SegmentFile[]): RecoveredLog {
    const first = this.#unproven[0];
    return {
      replay: this.#replay,
      segments,
      unfinished,
      ends: this.#ends,
      unproven: this.#unproven,
      sequence: first === undefined ? this.#sequence : first.header.sequence - 1,
      chain: first === undefined ? this.#chain : first.header.previousChain,
      position: this.#position,
    };
  }

  #enter(file: SegmentFile): void {
    const { previousSequence, previousChain } = file.header;
    if (!this.#started) {
      this.#started = true;
      this.#sequence = previousSequence;
      this.#chain = previousChain;
    }
    if (this.#sequence !== previousSequence || this.#chain !== previousChain) {
      throw new CorruptionError(
        file.path,
        32,
        `follows frame ${String(previousSequence)}, but the segment before it ends with frame ${String(this.#sequence)}`,
        REPLACE_NODE_ADVICE,
      );
    }
    this.#settle(previousSequence);
  }

  #problemOf(frame: Frame | string): string | undefined {
    if (typeof frame === "string") return frame;
    if (frame.header.sequence !== this.#sequence + 1) return `holds frame ${String(frame.header.sequence)}`;
    return frame.header.previousChain === this.#chain ? undefined : "does not continue the chain of frames";
  }

  #take(frame: Frame): void {
    this.#unproven.push(frame);
    this.#sequence = frame.header.sequence;
    this.#chain = frame.header.chain;
    this.#settle(frame.header.durableSequence);
  }

  /** Frames up to `sequence` were synced: they count. */
  #settle(sequence: number): void {
    this.#proven = Math.max(this.#proven, sequence);
    while (this.#unproven.length > 0 && (this.#unproven[0] as Frame).header.sequence <= this.#proven) {
      this.#replay.apply(this.#unproven.shift() as Frame);
    }
  }
}

/**
 * The records of frames that are to be written again, without the index of `groups` that a new segment writes itself. An
 * index may describe groups that are not there yet: in the first frame of the oldest segment, when all before it is gone.
 */
export function recordsOf(frames: readonly Frame[], groups: ReadonlyMap<GroupId, GroupLog>): RawRecord[] {
  const records: RawRecord[] = [];
  for (const { bytes, header } of frames) {
    let at = FRAME_HEADER_BYTES;
    for (let i = 0; i < header.records; i++) {
      const length = bytes.readUInt32LE(at);
      const padded = alignUp(length, 8);
      const type = bytes[at + 4];
      const isCarried = type === RecordType.group && bytes[at + 5] === GroupRecordKind.carriedOver;
      const isIndexed = isCarried && groups.has(bytes.readUInt32LE(at + 8));
      const summedBytes = type === RecordType.entry ? RECORD_HEADER_BYTES : length;
      if (!isIndexed) records.push({ bytes: bytes.subarray(at, at + padded), summedBytes });
      at += padded;
    }
  }
  return records;
}
