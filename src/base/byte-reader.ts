/** Bytes that do not follow their format: a decoder's only failure. Callers map it to corruption or to a bad peer. */
export class DecodeError extends Error {
  override readonly name = "DecodeError";
}

/** Reads what ByteWriter wrote. Every read is checked against the end; views alias the input. */
export class ByteReader {
  readonly #bytes: Buffer;
  #at: number;
  readonly #end: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = start;
    this.#end = end;
  }

  get position(): number {
    return this.#at;
  }

  get remaining(): number {
    return this.#end - this.#at;
  }

  u8(): number {
    return this.#bytes.readUInt8(this.#take(1));
  }

  u16(): number {
    return this.#bytes.readUInt16LE(this.#take(2));
  }

  u32(): number {
    return this.#get32(this.#take(4));
  }

  /** A u64 that must be a safe integer. */
  u64(): number {
    const at = this.#take(8);
    const value = this.#get32(at) + this.#get32(at + 4) * 0x1_0000_0000;
    if (!Number.isSafeInteger(value)) throw new DecodeError("u64 beyond 2^53");
    return value;
  }

  /** A varint that must be a safe integer. */
  varint(): number {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 49; scale *= 0x80) {
      const byte = this.u8();
      value += (byte % 0x80) * scale;
      if (byte < 0x80 && Number.isSafeInteger(value)) return value;
      if (byte < 0x80) break;
    }
    throw new DecodeError("varint beyond 2^53");
  }

  f64(): number {
    return this.#bytes.readDoubleLE(this.#take(8));
  }

  /** A view of the next `count` bytes; aliases the input. */
  raw(count: number): Buffer {
    const at = this.#take(count);
    return this.#bytes.subarray(at, at + count);
  }

  bytes32(): Buffer {
    return this.raw(this.u32());
  }

  text16(): string {
    const size = this.u16();
    const at = this.#take(size);
    return this.#bytes.toString("utf8", at, at + size);
  }

  skip(count: number): void {
    this.#take(count);
  }

  /** Asserts that nothing is left over: trailing bytes mean that writer and reader disagree. */
  finish(): void {
    if (this.#at !== this.#end) throw new DecodeError(`${String(this.#end - this.#at)} bytes left over`);
  }

  /** Within what `#take` has checked. */
  #get32(at: number): number {
    const bytes = this.#bytes;
    const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16);
    return (low | ((bytes[at + 3] as number) << 24)) >>> 0;
  }

  #take(count: number): number {
    const at = this.#at;
    if (count > this.#end - at) throw new DecodeError(`wanted ${String(count)} bytes, ${String(this.#end - at)} left`);
    this.#at = at + count;
    return at;
  }
}
