import { assert } from "../../base/index.js";

const slotsMin = 1_024;

/**
 * What is in flight on one stream, by correlation. Correlations ascend through all of u32 and the low bits choose the slot,
 * so a late answer to a request that was given up finds another correlation in its slot and is ignored.
 */
export class CorrelationTable<Entry> {
  #entries: (Entry | undefined)[] = new Array<Entry | undefined>(slotsMin).fill(undefined);
  #correlations = new Uint32Array(slotsMin);
  #mask = slotsMin - 1;
  #next = 1;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** The correlation given to `entry`, never 0. At most half of the slots are taken, so a free one is near. */
  add(entry: Entry): number {
    if (this.#count * 2 >= this.#entries.length) this.#grow();
    let correlation = this.#next;
    while (correlation === 0 || this.#entries[correlation & this.#mask] !== undefined)
      correlation = (correlation + 1) >>> 0;
    this.#next = (correlation + 1) >>> 0;
    const slot = correlation & this.#mask;
    this.#entries[slot] = entry;
    this.#correlations[slot] = correlation;
    this.#count += 1;
    return correlation;
  }

  /** Removes and returns; undefined when it was removed before. */
  take(correlation: number): Entry | undefined {
    const slot = correlation & this.#mask;
    if (this.#correlations[slot] !== correlation) return undefined;
    const entry = this.#entries[slot];
    if (entry === undefined) return undefined;
    this.#entries[slot] = undefined;
    this.#count -= 1;
    return entry;
  }

  /** Removes everything, oldest first. */
  drain(): Entry[] {
    if (this.#count === 0) return [];
    const next = this.#next;
    const found: { age: number; entry: Entry }[] = [];
    for (const [slot, entry] of this.#entries.entries()) {
      if (entry === undefined) continue;
      found.push({ age: (next - (this.#correlations[slot] ?? 0)) >>> 0, entry });
      this.#entries[slot] = undefined;
    }
    assert(found.length === this.#count, "the count equals the contents");
    this.#count = 0;
    return found.sort((a, b) => b.age - a.age).map(({ entry }) => entry);
  }

  /** Correlations in different slots stay in different ones under a longer mask. */
  #grow(): void {
    const length = this.#entries.length * 2;
    const entries = new Array<Entry | undefined>(length).fill(undefined);
    const correlations = new Uint32Array(length);
    for (const [slot, entry] of this.#entries.entries()) {
      if (entry === undefined) continue;
      const correlation = this.#correlations[slot] ?? 0;
      entries[correlation & (length - 1)] = entry;
      correlations[correlation & (length - 1)] = correlation;
    }
    this.#entries = entries;
    this.#correlations = correlations;
    this.#mask = length - 1;
  }
}
