import { assert } from "../base/index.js";
import type { Index } from "./types.js";

/**
 * The append messages in flight to one follower, oldest first: a ring of (last index, bytes). Full when either bound is
 * reached; one message may exceed the bytes, so that a large entry gets through.
 */
export class Inflights {
  readonly #bytesMax: number;
  readonly #indexes: Float64Array;
  readonly #sizes: Float64Array;
  #head = 0;
  #count = 0;
  #bytes = 0;

  constructor(messagesMax: number, bytesMax: number) {
    this.#bytesMax = bytesMax;
    this.#indexes = new Float64Array(messagesMax);
    this.#sizes = new Float64Array(messagesMax);
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get full(): boolean {
    return this.#count === this.#indexes.length || this.#bytes >= this.#bytesMax;
  }

  /** A message that ends at `lastIndex` was sent. */
  add(lastIndex: Index, bytes: number): void {
    assert(!this.full, "nothing is sent beyond a full window");
    const capacity = this.#indexes.length;
    const newest = (this.#head + this.#count + capacity - 1) % capacity;
    assert(this.#count === 0 || (this.#indexes[newest] as number) < lastIndex, "messages in flight ascend");
    const slot = (this.#head + this.#count) % capacity;
    this.#indexes[slot] = lastIndex;
    this.#sizes[slot] = bytes;
    this.#count++;
    this.#bytes += bytes;
  }

  /** Everything up to `index` has arrived. */
  freeTo(index: Index): void {
    const capacity = this.#indexes.length;
    while (this.#count > 0 && (this.#indexes[this.#head] as number) <= index) {
      this.#bytes -= this.#sizes[this.#head] as number;
      this.#head = (this.#head + 1) % capacity;
      this.#count--;
    }
    assert(this.#count > 0 || this.#bytes === 0, "nothing in flight, no bytes in flight");
    assert(this.#bytes >= 0, "bytes in flight are not negative");
  }

  clear(): void {
    this.#head = 0;
    this.#count = 0;
    this.#bytes = 0;
  }
}
