import { raftLimits } from "./limits.js";
import { type Entry, EntryKind, type Index } from "./types.js";

/** Takes the place of an evicted entry until the array is cut, so that the payload can be collected at once. */
const evicted: Entry = { index: 0, term: 0, kind: EntryKind.empty, data: new Uint8Array(0) };

/** Evicted slots at the head of the array before it is cut; keeps eviction O(1) amortised. */
const headMax = 1_024;

const weight = (entry: Entry): number => entry.data.length + raftLimits.entryOverheadBytes;

/** The newest entries of a log, contiguous, for followers and apply. Bounded in bytes, except for what is not durable yet. */
export class EntryCache {
  readonly #bytesMax: number;
  #entries: Entry[] = [];
  #head = 0;
  #first: Index;
  #bytes = 0;

  /** Empty; the next entry has index `first`. */
  constructor(first: Index, bytesMax: number) {
    this.#first = first;
    this.#bytesMax = bytesMax;
  }

  /** Index of the oldest entry here, or of the next one when empty. */
  get first(): Index {
    return this.#first;
  }

  get bytes(): number {
    return this.#bytes;
  }

  push(entry: Entry): void {
    this.#entries.push(entry);
    this.#bytes += weight(entry);
  }

  /** Entries [low, high), at most `bytesMax` payload bytes but at least one. `low` must be >= first, `high` at most one past the newest. */
  slice(low: Index, high: Index, bytesMax: number): Entry[] {
    const start = this.#head + low - this.#first;
    const limit = this.#head + high - this.#first;
    let bytes = 0;
    let end = start;
    while (end < limit) {
      bytes += (this.#entries[end] as Entry).data.length;
      if (bytes > bytesMax && end > start) break;
      end++;
    }
    return this.#entries.slice(start, end);
  }

  /** Drops entries at and after `from`. */
  truncate(from: Index): void {
    const end = Math.max(this.#head, this.#head + from - this.#first);
    for (let i = end; i < this.#entries.length; i++) this.#bytes -= weight(this.#entries[i] as Entry);
    this.#entries.length = Math.min(this.#entries.length, end);
    // What was cached may all be gone: then the next entry is older than the oldest one was.
    this.#first = Math.min(this.#first, from);
  }

  /** Evicts the oldest entries up to `durable` while over the bound: those after it cannot be read back from disk yet. */
  evict(durable: Index): void {
    while (this.#bytes > this.#bytesMax && this.#first <= durable) this.#dropFirst();
    this.#cut();
  }

  /** Drops every entry up to `index`. */
  dropTo(index: Index): void {
    while (this.#first <= index && this.#head < this.#entries.length) this.#dropFirst();
    this.#first = Math.max(this.#first, index + 1);
    this.#cut();
  }

  /** Starts over, empty, before index `first`. */
  reset(first: Index): void {
    this.#entries = [];
    this.#head = 0;
    this.#first = first;
    this.#bytes = 0;
  }

  #dropFirst(): void {
    this.#bytes -= weight(this.#entries[this.#head] as Entry);
    this.#entries[this.#head] = evicted;
    this.#head++;
    this.#first++;
  }

  #cut(): void {
    if (this.#head < headMax || this.#head * 2 < this.#entries.length) return;
    this.#entries = this.#entries.slice(this.#head);
    this.#head = 0;
  }
}
