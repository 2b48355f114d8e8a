import { assert, ByteWriter } from "../base/index.js";

const LENGTH_DELIMITED = 2;
/** Four bytes of padded varint hold a length below this. */
const LENGTH_MAX = 0x1000_0000;

/**
 * Writes the hot frames in protobuf's encoding straight into the buffer that goes out. A general encoder gathers parts and
 * copies them once more, and costs about a microsecond per request of a frame; here a frame's payload is written in place.
 * Fields may come in any order, so the payload comes first and the columns that describe it after.
 */
export class FrameWriter {
  readonly #out: ByteWriter;
  #lengthAt = -1;

  constructor(initialBytes: number) {
    this.#out = new ByteWriter(initialBytes);
  }

  /** Bytes of the frame so far. */
  get length(): number {
    return this.#out.length;
  }

  /** Opens a `bytes` field; what is written into the returned writer until `endBytes` is its value. */
  beginBytes(field: number): ByteWriter {
    assert(this.#lengthAt < 0, "one field at a time");
    this.#out.u8((field << 3) | LENGTH_DELIMITED);
    this.#lengthAt = this.#out.length;
    this.#out.u32(0);
    return this.#out;
  }

  /** Bytes in the open field so far. */
  get openLength(): number {
    assert(this.#lengthAt >= 0, "no field is open");
    return this.#out.length - this.#lengthAt - 4;
  }

  endBytes(): void {
    const length = this.openLength;
    assert(length < LENGTH_MAX, "a frame is far smaller");
    // A varint may be padded with zero groups; four of them are patched like a u32.
    const low = (length & 0x7f) | 0x80 | ((((length >>> 7) & 0x7f) | 0x80) << 8);
    const high = ((length >>> 14) & 0x7f) | 0x80 | ((length >>> 21) << 8);
    this.#out.patchU32(this.#lengthAt, (low | (high << 16)) >>> 0);
    this.#lengthAt = -1;
  }

  /** A packed `repeated uint32`. */
  packed(field: number, values: readonly number[]): void {
    if (values.length === 0) return;
    this.beginBytes(field);
    for (const value of values) this.#varint(value);
    this.endBytes();
  }

  /** Fields that another encoder wrote: concatenated messages merge. */
  encoded(bytes: Uint8Array): void {
    this.#out.raw(bytes);
  }

  /** The frame, owned by the caller; the writer starts over. */
  take(): Buffer {
    assert(this.#lengthAt < 0, "every field is closed");
    return this.#out.take();
  }

  #varint(value: number): void {
    let rest = value >>> 0;
    while (rest >= 0x80) {
      this.#out.u8((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.#out.u8(rest);
  }
}
