import { ByteReader, ByteWriter, DecodeError } from "../../base/index.js";
import { checksum } from "../checksum.js";
import { PAGE_BYTES } from "../limits.js";
import { frameSeed, readU64, SEGMENT_HEADER_BYTES, WAL_FORMAT, writeU64 } from "./layout.js";

/** Whose log it is. Written into every header, so that a folder copied or mounted at the wrong place is refused. */
export interface LogOwner {
  readonly clusterId: string;
  readonly nodeId: string;
  readonly shard: number;
}

export interface SegmentHeader {
  readonly owner: LogOwner;
  /** Ascending without holes, never used again. */
  readonly segmentId: number;
  /** Random for each use of the file. */
  readonly salt: number;
  /** Sequence and sum of the last frame before this segment: the previous segment ends there, whatever else it holds. */
  readonly previousSequence: number;
  readonly previousChain: number;
}

/** `blank`: never used, or prepared for its next use. `damaged`: neither copy is whole. `newer`: of a format this program may not read. */
export type HeaderState =
  | { readonly state: "valid"; readonly header: SegmentHeader }
  | { readonly state: "blank" | "damaged" }
  | { readonly state: "newer"; readonly leastReader: number };

const MAGIC = Buffer.from("MQWAL\0v1", "latin1");
const FIXED_BYTES = 48;

/**
 * One header page: magic 8, sum u32 of bytes 12.., format u16, least reader u16, shard u32, salt u32, segment id u64,
 * previous sequence u64, previous chain u32, reserved u32, cluster id, node id (u16 length + UTF-8). Returned twice over: a
 * damaged page alone must not cost a segment.
 */
export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const pages = Buffer.alloc(SEGMENT_HEADER_BYTES);
  MAGIC.copy(pages, 0);
  pages.writeUInt16LE(WAL_FORMAT, 12);
  pages.writeUInt16LE(WAL_FORMAT, 14);
  pages.writeUInt32LE(header.owner.shard, 16);
  pages.writeUInt32LE(header.salt, 20);
  writeU64(pages, 24, header.segmentId);
  writeU64(pages, 32, header.previousSequence);
  pages.writeUInt32LE(header.previousChain, 40);
  const texts = new ByteWriter();
  texts.text16(header.owner.clusterId);
  texts.text16(header.owner.nodeId);
  if (texts.length > PAGE_BYTES - FIXED_BYTES) throw new RangeError("cluster or node id too long");
  pages.set(texts.view(), FIXED_BYTES);
  pages.writeUInt32LE(checksum(pages, 0, 12, PAGE_BYTES), 8);
  pages.copy(pages, PAGE_BYTES, 0, PAGE_BYTES);
  return pages;
}

/** Reads the two header pages at the start of a segment file; `bytes` may be shorter in a cut file. */
export function decodeSegmentHeader(bytes: Buffer): HeaderState {
  for (let at = 0; at + PAGE_BYTES <= bytes.length && at < SEGMENT_HEADER_BYTES; at += PAGE_BYTES) {
    const found = decodePage(bytes.subarray(at, at + PAGE_BYTES));
    if (found !== undefined) return found;
  }
  const blank = bytes.subarray(0, SEGMENT_HEADER_BYTES).every((byte) => byte === 0);
  return { state: blank ? "blank" : "damaged" };
}

function decodePage(page: Buffer): HeaderState | undefined {
  if (!MAGIC.equals(page.subarray(0, 8)) || page.readUInt32LE(8) !== checksum(page, 0, 12)) return undefined;
  const leastReader = page.readUInt16LE(14);
  if (leastReader > WAL_FORMAT) return { state: "newer", leastReader };
  const input = new ByteReader(page, FIXED_BYTES);
  try {
    const clusterId = input.text16();
    const nodeId = input.text16();
    const owner = { clusterId, nodeId, shard: page.readUInt32LE(16) };
    const header = {
      owner,
      segmentId: readU64(page, 24),
      salt: page.readUInt32LE(20),
      previousSequence: readU64(page, 32),
      previousChain: page.readUInt32LE(40),
    };
    return { state: "valid", header };
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

export function seedOf(header: SegmentHeader): number {
  return frameSeed(header.salt, header.segmentId);
}
