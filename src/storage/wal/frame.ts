import { crc32c } from "../../base/index.js";
import {
  alignUp,
  entrySum,
  FRAME_HEADER_BYTES,
  FRAME_MAGIC,
  readU64,
  RECORD_HEADER_BYTES,
  RecordType,
} from "./layout.js";

export interface FrameHeader {
  /** Bytes without the padding to whole pages. */
  readonly bytes: number;
  readonly records: number;
  readonly sequence: number;
  /** Highest sequence that was known to be synced when this frame was built: proof about older frames. */
  readonly durableSequence: number;
  readonly previousChain: number;
  readonly flags: number;
  /** The frame's own sum. */
  readonly chain: number;
}

/** A whole frame in memory, verified, and where it lies. */
export interface Frame {
  readonly header: FrameHeader;
  readonly bytes: Buffer;
  readonly segmentId: number;
  readonly offset: number;
}

/** Reads the frame header at the start of `bytes` without verifying anything but its magic; undefined when there is none. */
export function peekFrameBytes(bytes: Buffer): number | undefined {
  if (bytes.length < FRAME_HEADER_BYTES || bytes.readUInt32LE(0) !== FRAME_MAGIC) return undefined;
  const size = bytes.readUInt32LE(8);
  return size < FRAME_HEADER_BYTES ? undefined : size;
}

/** Verifies every byte of the frame in `bytes` (exactly its size, without padding). Returns a header, or what is wrong. */
export function verifyFrame(bytes: Buffer, seed: number): FrameHeader | string {
  const end = bytes.length;
  if (peekFrameBytes(bytes) !== end) return "frame length does not match";
  const records = bytes.readUInt32LE(12);
  let crc = seed;
  let at = FRAME_HEADER_BYTES;
  for (let i = 0; i < records; i++) {
    if (at + RECORD_HEADER_BYTES > end) return "records run over the end of the frame";
    const length = bytes.readUInt32LE(at);
    if (length < RECORD_HEADER_BYTES || at + length > end) return "record length out of range";
    const isEntry = bytes[at + 4] === RecordType.entry;
    crc = crc32c(bytes, crc, at, at + (isEntry ? RECORD_HEADER_BYTES : length));
    if (isEntry && !entryIsWhole(bytes, at, at + length)) return "entry sum does not match";
    at += alignUp(length, 8);
  }
  if (at !== end) return "records do not fill the frame";
  const chain = crc32c(bytes, crc, 8, FRAME_HEADER_BYTES);
  if (chain !== bytes.readUInt32LE(4)) return "frame sum does not match";
  return {
    bytes: end,
    records,
    sequence: readU64(bytes, 16),
    durableSequence: readU64(bytes, 24),
    previousChain: bytes.readUInt32LE(32),
    flags: bytes.readUInt32LE(36),
    chain,
  };
}

/** Whether the entry record in bytes[start, end) carries the sum of its identity and payload. */
export function entryIsWhole(bytes: Buffer, start: number, end: number): boolean {
  const sum = entrySum(
    bytes.readUInt32LE(start + 32),
    bytes.readUInt32LE(start + 36),
    readU64(bytes, start + 16),
    readU64(bytes, start + 24),
    bytes[start + 5] as number,
    bytes.subarray(start + RECORD_HEADER_BYTES, end),
  );
  return sum === bytes.readUInt32LE(start + 12);
}
