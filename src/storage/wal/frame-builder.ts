import { assert, crc32c } from "../../base/index.js";
import type { Entry } from "../../raft/index.js";
import { COPY_BYTES_MAX, PAGE_BYTES } from "../limits.js";
import type { GroupLog } from "./group-log.js";
import {
  alignUp,
  entrySum,
  FRAME_HEADER_BYTES,
  FRAME_MAGIC,
  RECORD_HEADER_BYTES,
  recordBytes,
  RecordType,
  writeU64,
} from "./layout.js";

const CHUNK_BYTES = 256 * 1024;
/** Chunks kept between frames: a burst of small entries must not hold memory for ever. */
const CHUNKS_KEPT = 4;
const ZEROS = Buffer.alloc(PAGE_BYTES);

export interface FinishedFrame {
  /** The frame with its padding to whole pages, ready for writev. Valid until the next `begin`. */
  readonly buffers: readonly Uint8Array[];
  readonly bytes: number;
  /** The frame's sum: the next frame names it. */
  readonly chain: number;
}

/**
 * Builds one frame at a time. Headers and small payloads go into chunks that are used again for the next frame; large payloads
 * are referenced. The frame's sum covers its header and all record headers, and each entry's own sum covers its payload, so
 * that no payload byte is summed twice.
 */
export class FrameBuilder {
  readonly #chunks: Buffer[] = [];
  #buffers: Uint8Array[] = [];
  #chunk: Buffer = Buffer.alloc(0);
  #nextChunk = 0;
  #at = 0;
  #sliceStart = 0;
  #bytes = 0;
  #records = 0;
  #crc = 0;
  #header: Buffer = Buffer.alloc(0);
  #payloadBytes = 0;

  /** Payload bytes of the entries in the frame under construction. */
  get payloadBytes(): number {
    return this.#payloadBytes;
  }

  /** Starts a frame seeded with `seed`; what the previous `finish` returned is no longer valid. */
  begin(seed: number): void {
    this.#buffers = [];
    this.#chunks.length = Math.min(this.#chunks.length, CHUNKS_KEPT);
    this.#nextChunk = 0;
    this.#openChunk();
    this.#header = this.#take(FRAME_HEADER_BYTES);
    this.#header.fill(0);
    this.#bytes = FRAME_HEADER_BYTES;
    this.#records = 0;
    this.#payloadBytes = 0;
    this.#crc = seed;
  }

  /** Adds an entry and returns its offset in the frame. Its data must not change before the flush is done. */
  addEntry(log: GroupLog, entry: Entry): number {
    const offset = this.#bytes;
    const { data, index, term, kind } = entry;
    const length = RECORD_HEADER_BYTES + data.length;
    const sum = entrySum(log.incarnationHigh, log.incarnationLow, index, term, kind, data);
    this.#addHeader(RecordType.entry, kind, log, length, sum, index, term);
    const padding = alignUp(length, 8) - length;
    if (data.length <= COPY_BYTES_MAX) {
      this.#ensure(data.length + padding).set(data, this.#at);
      this.#at += data.length;
    } else {
      this.#closeSlice();
      this.#buffers.push(data);
      this.#ensure(padding);
    }
    this.#chunk.fill(0, this.#at, this.#at + padding);
    this.#at += padding;
    this.#bytes += length + padding;
    this.#payloadBytes += data.length;
    return offset;
  }

  /** Adds any other record. */
  addRecord(type: RecordType, kind: number, log: GroupLog, index: number, term: number, body: Uint8Array): void {
    const length = RECORD_HEADER_BYTES + body.length;
    this.#addHeader(type, kind, log, length, 0, index, term);
    this.#crc = crc32c(body, this.#crc);
    const padded = this.#take(recordBytes(body.length) - RECORD_HEADER_BYTES);
    padded.fill(0);
    padded.set(body);
    this.#bytes += recordBytes(body.length);
  }

  /** Adds a record as it stood in another frame. */
  addRaw(record: Uint8Array, summedBytes: number): void {
    this.#crc = crc32c(record, this.#crc, 0, summedBytes);
    this.#closeSlice();
    this.#buffers.push(record);
    this.#bytes += record.length;
    this.#records++;
    assert(record.length % 8 === 0, "records are padded");
  }

  finish(sequence: number, durableSequence: number, previousChain: number, flags: number): FinishedFrame {
    const header = this.#header;
    header.writeUInt32LE(FRAME_MAGIC, 0);
    header.writeUInt32LE(this.#bytes, 8);
    header.writeUInt32LE(this.#records, 12);
    writeU64(header, 16, sequence);
    writeU64(header, 24, durableSequence);
    header.writeUInt32LE(previousChain, 32);
    header.writeUInt32LE(flags, 36);
    const chain = crc32c(header, this.#crc, 8);
    header.writeUInt32LE(chain, 4);
    this.#closeSlice();
    const bytes = alignUp(this.#bytes, PAGE_BYTES);
    if (bytes > this.#bytes) this.#buffers.push(ZEROS.subarray(0, bytes - this.#bytes));
    return { buffers: this.#buffers, bytes, chain };
  }

  /** Straight into the chunk: a view for each header would cost more than the header. */
  #addHeader(
    type: number,
    kind: number,
    log: GroupLog,
    length: number,
    sum: number,
    index: number,
    term: number,
  ): void {
    const chunk = this.#ensure(RECORD_HEADER_BYTES);
    const at = this.#at;
    chunk.writeUInt32LE(length, at);
    chunk.writeUInt32LE(type | (kind << 8), at + 4);
    chunk.writeUInt32LE(log.group, at + 8);
    chunk.writeUInt32LE(sum, at + 12);
    writeU64(chunk, at + 16, index);
    writeU64(chunk, at + 24, term);
    chunk.writeUInt32LE(log.incarnationHigh, at + 32);
    chunk.writeUInt32LE(log.incarnationLow, at + 36);
    this.#crc = crc32c(chunk, this.#crc, at, at + RECORD_HEADER_BYTES);
    this.#at = at + RECORD_HEADER_BYTES;
    this.#records++;
  }

  /** A view of the next `count` bytes of scratch. */
  #take(count: number): Buffer {
    const chunk = this.#ensure(count);
    const at = this.#at;
    this.#at += count;
    return chunk.subarray(at, at + count);
  }

  #ensure(count: number): Buffer {
    if (this.#at + count > this.#chunk.length) {
      assert(count <= CHUNK_BYTES, "scratch piece too large");
      this.#closeSlice();
      this.#openChunk();
    }
    return this.#chunk;
  }

  #openChunk(): void {
    const ready = this.#chunks[this.#nextChunk];
    this.#chunk = ready ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
    if (ready === undefined) this.#chunks.push(this.#chunk);
    this.#nextChunk++;
    this.#at = 0;
    this.#sliceStart = 0;
  }

  #closeSlice(): void {
    if (this.#at > this.#sliceStart) this.#buffers.push(this.#chunk.subarray(this.#sliceStart, this.#at));
    this.#sliceStart = this.#at;
  }
}
