import { assert } from "../../base/index.js";
import type { Index, Term } from "../../raft/index.js";
import { recordBytes } from "./layout.js";

const CAPACITY_MIN = 8;

/**
 * Where the entries of one group lie, and what they take up: 20 bytes an entry in typed arrays, and the terms as runs.
 * Positions ascend with the index, since the log is only ever appended to.
 */
export class EntryTable {
  #segments = new Uint32Array(CAPACITY_MIN);
  #offsets = new Uint32Array(CAPACITY_MIN);
  /** Payload bytes. */
  #lengths = new Uint32Array(CAPACITY_MIN);
  /** Bytes of the log that all entries ever appended up to and including this one take up. */
  #totals = new Float64Array(CAPACITY_MIN);
  /** Slot of the first entry. */
  #head = 0;
  #count = 0;
  #first: Index;
  /** `#totals` of the entry before the first. */
  #before = 0;
  readonly #runFrom: Index[] = [];
  readonly #runTerm: Term[] = [];

  /** An empty table whose next entry is `lastIndex + 1`. */
  constructor(lastIndex: Index) {
    this.#first = lastIndex + 1;
  }

  /** Index of the first entry; `last + 1` when there is none. */
  get first(): Index {
    return this.#first;
  }

  get last(): Index {
    return this.#first + this.#count - 1;
  }

  get count(): number {
    return this.#count;
  }

  /** `bytes`: of the payload. */
  append(term: Term, segment: number, offset: number, bytes: number): void {
    if (this.#head + this.#count === this.#segments.length) this.#makeRoom();
    const previous = this.#count === 0 ? this.#before : this.#total(this.last);
    const slot = this.#head + this.#count;
    this.#segments[slot] = segment;
    this.#offsets[slot] = offset;
    this.#lengths[slot] = bytes;
    this.#totals[slot] = previous + recordBytes(bytes);
    this.#count++;
    if (this.#runTerm.at(-1) !== term) {
      this.#runFrom.push(this.last);
      this.#runTerm.push(term);
    }
  }

  /** The last entry takes up `bytes` more than its record. An entry that is gone again pays nothing. */
  charge(bytes: number): void {
    if (this.#count === 0) return;
    const last = this.#slot(this.last);
    this.#totals[last] = (this.#totals[last] as number) + bytes;
  }

  /** Drops everything at and after `from`. Below the first entry it leaves an empty table whose next entry is `from`. */
  truncate(from: Index): void {
    if (from > this.last) return;
    if (from <= this.#first) {
      this.reset(from - 1);
      return;
    }
    this.#count = from - this.#first;
    while (this.#runFrom.length > 0 && (this.#runFrom.at(-1) as Index) >= from) {
      this.#runFrom.pop();
      this.#runTerm.pop();
    }
  }

  reset(lastIndex: Index): void {
    this.#head = 0;
    this.#count = 0;
    this.#first = lastIndex + 1;
    this.#before = 0;
    this.#runFrom.length = 0;
    this.#runTerm.length = 0;
    this.#resize(CAPACITY_MIN);
  }

  /** Drops everything below `keepFrom`, which is at most `last + 1`. */
  trim(keepFrom: Index): void {
    assert(keepFrom <= this.last + 1, "trimming beyond the last entry");
    const dropped = keepFrom - this.#first;
    if (dropped <= 0) return;
    this.#before = this.#total(keepFrom - 1);
    this.#head += dropped;
    this.#count -= dropped;
    this.#first = keepFrom;
    this.#trimRuns();
    if (this.#count * 4 < this.#segments.length && this.#segments.length > CAPACITY_MIN) this.#makeRoom();
  }

  segmentAt(index: Index): number {
    return this.#segments[this.#slot(index)] as number;
  }

  offsetAt(index: Index): number {
    return this.#offsets[this.#slot(index)] as number;
  }

  /** Payload bytes of an entry. */
  bytesAt(index: Index): number {
    return this.#lengths[this.#slot(index)] as number;
  }

  /** Bytes of the log that all entries after `index` take up. */
  logBytesAfter(index: Index): number {
    if (this.#count === 0 || index >= this.last) return 0;
    return this.#total(this.last) - (index < this.#first ? this.#before : this.#total(index));
  }

  /** Runs of equal terms over the entries after `index`. */
  termRunsAfter(index: Index): { readonly from: Index; readonly term: Term }[] {
    const runs: { from: Index; term: Term }[] = [];
    for (let i = 0; i < this.#runFrom.length; i++) {
      const from = Math.max(this.#runFrom[i] as Index, index + 1, this.#first);
      const end = i + 1 < this.#runFrom.length ? (this.#runFrom[i + 1] as Index) : this.last + 1;
      if (from < end) runs.push({ from, term: this.#runTerm[i] as Term });
    }
    return runs;
  }

  #trimRuns(): void {
    let drop = 0;
    while (drop + 1 < this.#runFrom.length && (this.#runFrom[drop + 1] as Index) <= this.#first) drop++;
    if (this.#count === 0) drop = this.#runFrom.length;
    if (drop > 0) {
      this.#runFrom.splice(0, drop);
      this.#runTerm.splice(0, drop);
    }
  }

  #slot(index: Index): number {
    assert(index >= this.#first && index <= this.last, "entry is not in the table");
    return this.#head + index - this.#first;
  }

  #total(index: Index): number {
    return this.#totals[this.#slot(index)] as number;
  }

  #makeRoom(): void {
    let capacity = CAPACITY_MIN;
    while (capacity < this.#count * 2) capacity *= 2;
    this.#resize(capacity);
  }

  #resize(capacity: number): void {
    const end = this.#head + this.#count;
    const segments = new Uint32Array(capacity);
    const offsets = new Uint32Array(capacity);
    const lengths = new Uint32Array(capacity);
    const totals = new Float64Array(capacity);
    segments.set(this.#segments.subarray(this.#head, end));
    offsets.set(this.#offsets.subarray(this.#head, end));
    lengths.set(this.#lengths.subarray(this.#head, end));
    totals.set(this.#totals.subarray(this.#head, end));
    this.#segments = segments;
    this.#offsets = offsets;
    this.#lengths = lengths;
    this.#totals = totals;
    this.#head = 0;
  }
}
