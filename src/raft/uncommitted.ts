import { assert } from "../base/index.js";
import type { Index } from "./types.js";

/** Consumed sizes at the head of the list before it is cut. */
const headMax = 1_024;

/** The payload bytes that a leader proposed in its term and that are not committed yet: what `uncommittedBytesMax` bounds. */
export class UncommittedBytes {
  readonly #bytesMax: number;
  #sizes: number[] = [];
  #head = 0;
  #firstIndex: Index;
  #bytes = 0;

  /** The first entry of the term has index `firstIndex`. */
  constructor(firstIndex: Index, bytesMax: number) {
    this.#firstIndex = firstIndex;
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** An entry without payload always fits, and so does any when nothing else waits. */
  fits(bytes: number): boolean {
    return bytes === 0 || this.#bytes === 0 || this.#bytes + bytes <= this.#bytesMax;
  }

  add(index: Index, bytes: number): void {
    assert(index === this.#firstIndex + this.#sizes.length - this.#head, "every entry of the term is counted");
    this.#sizes.push(bytes);
    this.#bytes += bytes;
  }

  /** Everything up to `index` is committed. */
  committed(index: Index): void {
    while (this.#firstIndex <= index && this.#head < this.#sizes.length) {
      this.#bytes -= this.#sizes[this.#head] as number;
      this.#head++;
      this.#firstIndex++;
    }
    if (this.#head >= headMax && this.#head * 2 >= this.#sizes.length) {
      this.#sizes = this.#sizes.slice(this.#head);
      this.#head = 0;
    }
    assert(this.#head < this.#sizes.length || this.#bytes === 0, "no uncommitted entry, no uncommitted bytes");
    assert(this.#bytes >= 0, "uncommitted bytes are not negative");
  }
}
