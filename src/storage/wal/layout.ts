import { checksum, mix32 } from "../checksum.js";
import { PAGE_BYTES } from "../limits.js";

/** The on-disk numbers of the log; docs/decisions/0002-wal-format.md describes the format. Little endian throughout. */

/** Written into headers. A reader refuses a log whose `least reader` is above its own number. */
export const WAL_FORMAT = 1;

/** Two copies of the header page. */
export const SEGMENT_HEADER_BYTES = 2 * PAGE_BYTES;

export const FRAME_MAGIC = 0x314d5246; // "FRM1"
export const FRAME_HEADER_BYTES = 64;
export const FrameFlag = { clean: 1, recovery: 2, index: 4 } as const;

export const RECORD_HEADER_BYTES = 40;

/**
 * `group`: the whole state of a group, at its creation or at the head of a segment (so that older segments can go). `remove`:
 * the group is gone. `hard`: term, vote, commit. `truncate`: drop from index on. `snapshot`: the log was replaced by an
 * installed snapshot. `checkpoint`: entries below the index are no longer needed.
 */
export const RecordType = { entry: 1, hard: 2, truncate: 3, group: 4, remove: 5, snapshot: 6, checkpoint: 7 } as const;
export type RecordType = (typeof RecordType)[keyof typeof RecordType];

/** `kind` of a `group` record. */
export const GroupRecordKind = { created: 0, carriedOver: 1 } as const;

export function alignUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}

export function readU64(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 0x1_0000_0000;
}

export function writeU64(bytes: Buffer, at: number, value: number): void {
  bytes.writeUInt32LE(value >>> 0, at);
  bytes.writeUInt32LE(Math.floor(value / 0x1_0000_0000), at + 4);
}

/** Bytes that a record with `bodyBytes` takes in a frame, padding included. */
export function recordBytes(bodyBytes: number): number {
  return alignUp(RECORD_HEADER_BYTES + bodyBytes, 8);
}

/** The sum of an entry: its identity goes into the seed, so that one entry can be verified when it is read by itself. */
export function entrySum(
  incarnationHigh: number,
  incarnationLow: number,
  index: number,
  term: number,
  kind: number,
  data: Uint8Array,
): number {
  let seed = mix32(incarnationHigh, incarnationLow);
  seed = mix32(seed, index >>> 0);
  seed = mix32(seed, Math.floor(index / 0x1_0000_0000));
  seed = mix32(seed, term >>> 0);
  seed = mix32(seed, Math.floor(term / 0x1_0000_0000) ^ (kind << 24));
  return checksum(data, seed);
}

/** The seed of all frame sums of one use of a segment file: frames from an earlier use never validate. */
export function frameSeed(salt: number, segmentId: number): number {
  return mix32(mix32(salt, segmentId >>> 0), Math.floor(segmentId / 0x1_0000_0000));
}
