import { assert, AssertionError } from "./assert.js";

const EMPTY = Buffer.alloc(0);
/** One large frame does not make the writer keep a large buffer for ever. */
const MAX_KEPT_BYTES = 524_288;

/**
 * Appends numbers and bytes to one growing buffer, little endian. Numbers above 2^32 are written as u64 from a safe
 * integer; nothing here makes a BigInt.
 */
export class ByteWriter {
  readonly #initialBytes: number;
  #bytes: Buffer = EMPTY;
  #length = 0;

  constructor(initialBytes = 256) {
    this.#initialBytes = initialBytes;
  }

  get length(): number {
    return this.#length;
  }

  u8(value: number): void {
    const at = this.#grow(1);
    this.#bytes[at] = value;
  }

  u16(value: number): void {
    assert(value >= 0 && value <= 0xffff, "not a u16");
    const at = this.#grow(2);
    const bytes = this.#bytes;
    bytes[at] = value;
    bytes[at + 1] = value >>> 8;
  }

  u32(value: number): void {
    assert(value >= 0 && value <= 0xffff_ffff, "not a u32");
    this.#put32(this.#grow(4), value);
  }

  /** A safe integer in [0, 2^53) as eight bytes. */
  u64(value: number): void {
    // The text is made only when it is needed: this is called for every field of every message.
    if (!(value >= 0 && Number.isSafeInteger(value))) throw new AssertionError(`not a safe u64: ${String(value)}`);
    const at = this.#grow(8);
    this.#put32(at, value);
    this.#put32(at + 4, value / 0x1_0000_0000);
  }

  /** A safe integer in [0, 2^53), seven bits to a byte, the low ones first: numbers that are mostly small take little room. */
  varint(value: number): void {
    assert(value >= 0 && Number.isSafeInteger(value), `not a safe integer: ${String(value)}`);
    let rest = value;
    while (rest >= 0x80) {
      this.u8((rest % 0x80) + 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.u8(rest);
  }

  f64(value: number): void {
    const at = this.#grow(8);
    this.#bytes.writeDoubleLE(value, at);
  }

  raw(bytes: Uint8Array): void {
    const at = this.#grow(bytes.length);
    this.#bytes.set(bytes, at);
  }

  /** u32 length, then the bytes. */
  bytes32(bytes: Uint8Array): void {
    this.u32(bytes.length);
    this.raw(bytes);
  }

  /** u16 length in bytes, then UTF-8. */
  text16(text: string): void {
    const size = Buffer.byteLength(text);
    assert(size <= 0xffff, "text too long");
    this.u16(size);
    const at = this.#grow(size);
    this.#bytes.write(text, at, "utf8");
  }

  /** Overwrites a u32 written earlier, for lengths known only afterwards. */
  patchU32(at: number, value: number): void {
    assert(at + 4 <= this.#length, "patch beyond the end");
    assert(value >= 0 && value <= 0xffff_ffff, "not a u32");
    this.#put32(at, value);
  }

  /** The bytes written so far, without a copy; valid until the next write or `reset`. */
  view(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** A copy of the bytes written so far. */
  copy(): Buffer {
    return Buffer.from(this.view());
  }

  /**
   * The bytes written so far, owned by the caller; the writer starts over. They are copied to a buffer of just their size and
   * the large one is kept: handing it over would allocate one for the largest frame each time, and memory outside the heap
   * is what drives the garbage collector here. What is larger than the writer may keep is handed over.
   */
  take(): Buffer {
    const view = this.view();
    const taken = this.#bytes.length > MAX_KEPT_BYTES ? view : Buffer.from(view);
    if (this.#bytes.length > MAX_KEPT_BYTES) this.#bytes = EMPTY;
    this.#length = 0;
    return taken;
  }

  reset(): void {
    this.#length = 0;
  }

  /** The lowest 32 bits; byte by byte, which the compiler makes one store of, where Buffer's methods check everything again. */
  #put32(at: number, value: number): void {
    const bytes = this.#bytes;
    const word = value >>> 0;
    bytes[at] = word;
    bytes[at + 1] = word >>> 8;
    bytes[at + 2] = word >>> 16;
    bytes[at + 3] = word >>> 24;
  }

  #grow(count: number): number {
    const at = this.#length;
    const needed = at + count;
    if (needed > this.#bytes.length) this.#reallocate(Math.max(needed, this.#bytes.length * 2, this.#initialBytes));
    this.#length = needed;
    return at;
  }

  #reallocate(capacity: number): void {
    const larger = Buffer.allocUnsafe(capacity);
    if (this.#length > 0) larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}
