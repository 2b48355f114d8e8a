const ARENA_BYTES_MIN = 128;
/** Up to here a loop is faster than making a view for a bulk copy. */
const COPY_LOOP_BYTES_MAX = 64;
/** Beyond this an arena grows by as much instead of doubling: it is near its bound. */
const GROWTH_BYTES_MAX = 65_536;
const nothing = new Uint8Array(0);

/**
 * The bodies of a chunk, back to back. The only road to a body's bytes. What is written is never overwritten: a view stays
 * true while the arena grows, which is how a checkpoint takes bodies without a copy.
 */
export class BodyArena {
  #bytes: Uint8Array;
  #length = 0;

  constructor(capacityBytes = 0) {
    this.#bytes = capacityBytes === 0 ? nothing : new Uint8Array(capacityBytes);
  }

  /** An arena with these contents, which it takes over. */
  static of(contents: Uint8Array): BodyArena {
    const arena = new BodyArena();
    arena.#bytes = contents;
    arena.#length = contents.length;
    return arena;
  }

  get length(): number {
    return this.#length;
  }

  get capacity(): number {
    return this.#bytes.length;
  }

  /** Copies source[start, end) and returns the offset of its first byte. */
  append(source: Uint8Array, start: number, end: number): number {
    const offset = this.#length;
    const length = offset + (end - start);
    if (length > this.#bytes.length) this.#grow(length);
    if (end - start > COPY_LOOP_BYTES_MAX) this.#bytes.set(source.subarray(start, end), offset);
    else for (let from = start, to = offset; from < end;) this.#bytes[to++] = source[from++] as number;
    this.#length = length;
    return offset;
  }

  view(offset: number, length: number): Uint8Array {
    return this.#bytes.subarray(offset, offset + length);
  }

  /** Everything written so far. */
  contents(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Gives back unused capacity, when it is more than an eighth: nothing will be appended soon. */
  trim(): void {
    if ((this.#bytes.length - this.#length) * 8 > this.#bytes.length) this.#bytes = this.#bytes.slice(0, this.#length);
  }

  #grow(length: number): void {
    const capacity = this.#bytes.length;
    const larger = new Uint8Array(Math.max(length, ARENA_BYTES_MIN, capacity + Math.min(capacity, GROWTH_BYTES_MAX)));
    larger.set(this.contents());
    this.#bytes = larger;
  }
}
