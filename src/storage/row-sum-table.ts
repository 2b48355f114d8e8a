import type { Lanes } from "./row-hash.js";

const CAPACITY_MIN = 16;
/** Slot states live beside the fingerprint, since any 64-bit value can be one. */
const EMPTY = 0;
const USED = 1;
const GONE = 2;

/**
 * Key fingerprint -> sum of the row's value, for all rows of one group's checkpoint: 13 bytes a slot, 20 to 50 a row.
 * Open addressing. It exists because the set hash of a checkpoint changes by "minus old, plus new": the alternative, reading
 * every overwritten row back (100 KiB each), would double the reading and cost a thread-pool round trip per checkpoint. Two
 * keys of one group with equal fingerprints (chance 3e-8 at a million rows) would make the next verification fail: loudly.
 */
export class RowSumTable {
  #low = new Uint32Array(CAPACITY_MIN);
  #high = new Uint32Array(CAPACITY_MIN);
  #sums = new Uint32Array(CAPACITY_MIN);
  #states = new Uint8Array(CAPACITY_MIN);
  #count = 0;
  /** Used and gone slots: both lengthen probes. */
  #filled = 0;

  get count(): number {
    return this.#count;
  }

  /** The sum of a row, undefined when there is no such row. */
  get(key: Readonly<Lanes>): number | undefined {
    const slot = this.#find(key);
    return slot < 0 ? undefined : this.#sums[slot];
  }

  set(key: Readonly<Lanes>, sum: number): void {
    const found = this.#find(key);
    if (found >= 0) {
      this.#sums[found] = sum;
      return;
    }
    if ((this.#filled + 1) * 3 > this.#sums.length * 2) this.#rebuild();
    const slot = this.#free(key);
    if (this.#states[slot] === EMPTY) this.#filled++;
    this.#low[slot] = key.low;
    this.#high[slot] = key.high;
    this.#sums[slot] = sum;
    this.#states[slot] = USED;
    this.#count++;
  }

  delete(key: Readonly<Lanes>): void {
    const slot = this.#find(key);
    if (slot < 0) return;
    this.#states[slot] = GONE;
    this.#count--;
  }

  #find(key: Readonly<Lanes>): number {
    const mask = this.#sums.length - 1;
    for (let slot = key.low & mask; ; slot = (slot + 1) & mask) {
      const state = this.#states[slot];
      if (state === EMPTY) return -1;
      if (state === USED && this.#low[slot] === key.low && this.#high[slot] === key.high) return slot;
    }
  }

  #free(key: Readonly<Lanes>): number {
    const mask = this.#sums.length - 1;
    let slot = key.low & mask;
    while (this.#states[slot] === USED) slot = (slot + 1) & mask;
    return slot;
  }

  /** To a capacity at which the rows fill at most a third; drops gone slots. */
  #rebuild(): void {
    let capacity = CAPACITY_MIN;
    while (capacity < (this.#count + 1) * 3) capacity *= 2;
    const old = { low: this.#low, high: this.#high, sums: this.#sums, states: this.#states };
    this.#low = new Uint32Array(capacity);
    this.#high = new Uint32Array(capacity);
    this.#sums = new Uint32Array(capacity);
    this.#states = new Uint8Array(capacity);
    this.#count = 0;
    this.#filled = 0;
    for (let i = 0; i < old.states.length; i++) {
      if (old.states[i] !== USED) continue;
      this.set({ low: old.low[i] as number, high: old.high[i] as number }, old.sums[i] as number);
    }
  }
}
