import { assert } from "../base/index.js";
import { EntryCache } from "./entry-cache.js";
import type { RestoredState } from "./ready.js";
import { TermRuns } from "./term-runs.js";
import type { Entry, Index, SnapshotMeta, Term } from "./types.js";

/** What the next persist order must do to the log on disk. */
export interface UnpersistedLog {
  readonly truncateFrom: Index | undefined;
  readonly entries: readonly Entry[];
}

const nothing: readonly Entry[] = Object.freeze<Entry[]>([]);

/**
 * The log as the core sees it: the terms of all entries, the newest entries themselves, and how much of it is on disk.
 *
 * Three marks: `durable <= handedOut <= lastIndex`. Entries up to `handedOut` are in a persist order that was issued; those
 * up to `durable` are known to be on disk, and were not overwritten since. A truncation below `handedOut` starts a new
 * generation: a completion of an order of an older one says nothing about entries any more (raft.md section 4, the ABA
 * race), and the order that carries the truncation, which always follows, asserts the last index anew.
 */
export class RaftLog {
  #runs: TermRuns;
  readonly #cache: EntryCache;
  #lastIndex: Index;
  #durable: Index;
  #handedOut: Index;
  #truncateFrom: Index | undefined;
  #generation = 0;

  constructor(restored: RestoredState, cacheBytesMax: number) {
    const { snapshot, termRuns, lastIndex } = restored;
    assert(lastIndex >= snapshot.index, "the log reaches its snapshot");
    this.#runs = new TermRuns(snapshot.index, snapshot.term);
    let previous = snapshot.index;
    for (const { from, term } of termRuns) {
      assert(from > previous && from <= lastIndex, "term runs ascend within the log");
      this.#runs.append(from, term);
      previous = from;
    }
    assert(lastIndex === snapshot.index || termRuns[0]?.from === snapshot.index + 1, "term runs cover the whole log");
    this.#lastIndex = lastIndex;
    this.#durable = lastIndex;
    this.#handedOut = lastIndex;
    this.#cache = new EntryCache(lastIndex + 1, cacheBytesMax);
  }

  /** The last index that the snapshot covers; its term is known, its entry is gone. */
  get baseIndex(): Index {
    return this.#runs.baseIndex;
  }

  get firstIndex(): Index {
    return this.#runs.baseIndex + 1;
  }

  get lastIndex(): Index {
    return this.#lastIndex;
  }

  get lastTerm(): Term {
    return this.#runs.lastTerm;
  }

  /** The largest index up to which this log is on disk as it is here. */
  get durable(): Index {
    return this.#durable;
  }

  get generation(): number {
    return this.#generation;
  }

  /** The oldest entry in memory is at this index; one past the last when there is none. */
  get firstCached(): Index {
    return this.#cache.first;
  }

  get cachedBytes(): number {
    return this.#cache.bytes;
  }

  get hasUnpersisted(): boolean {
    return this.#handedOut < this.#lastIndex || this.#truncateFrom !== undefined;
  }

  /** Undefined outside [firstIndex - 1, lastIndex]. */
  term(index: Index): Term | undefined {
    if (index < this.baseIndex || index > this.#lastIndex) return undefined;
    return this.#runs.termAt(index);
  }

  /** The largest index <= `index` (and <= lastIndex) with a term <= `term`; the base when there is none after it. */
  lastIndexAtMost(index: Index, term: Term): Index {
    if (index <= this.baseIndex) return this.baseIndex;
    return this.#runs.lastIndexAtMost(Math.min(index, this.#lastIndex), term);
  }

  /** True when a log that ends so is at least as up to date as this one (section 5.4.1 of the paper). */
  isUpToDate(lastIndex: Index, lastTerm: Term): boolean {
    return lastTerm > this.lastTerm || (lastTerm === this.lastTerm && lastIndex >= this.#lastIndex);
  }

  /** Entries [low, high) while they are in memory, at most `bytesMax` payload bytes but at least one. */
  entries(low: Index, high: Index, bytesMax: number): readonly Entry[] | undefined {
    if (low < this.#cache.first) return undefined;
    const end = Math.min(high, this.#lastIndex + 1);
    return low >= end ? nothing : this.#cache.slice(low, end, bytesMax);
  }

  append(entry: Entry): void {
    assert(entry.index === this.#lastIndex + 1, "entries are appended without gaps");
    this.#runs.append(entry.index, entry.term);
    this.#cache.push(entry);
    this.#lastIndex = entry.index;
  }

  /** Drops everything at and after `from`. */
  truncate(from: Index): void {
    assert(from > this.baseIndex && from <= this.#lastIndex, "only entries after the snapshot can be dropped");
    this.#runs.truncate(from);
    this.#cache.truncate(from);
    this.#lastIndex = from - 1;
    if (from > this.#handedOut) return;
    this.#truncateFrom = Math.min(this.#truncateFrom ?? from, from);
    this.#handedOut = from - 1;
    this.#durable = Math.min(this.#durable, from - 1);
    this.#generation++;
  }

  /** Hands out what no persist order carries yet; each entry once, unless it was truncated and came back. */
  takeUnpersisted(): UnpersistedLog {
    const truncateFrom = this.#truncateFrom;
    const low = this.#handedOut + 1;
    assert(low >= this.#cache.first, "what is not on its way to the disk is in memory");
    const entries = low > this.#lastIndex ? nothing : this.#cache.slice(low, this.#lastIndex + 1, Infinity);
    assert(entries.length === this.#lastIndex + 1 - low, "every entry is handed out");
    assert(entries.length === 0 || entries[0]?.index === low, "no entry is handed out twice");
    this.#truncateFrom = undefined;
    this.#handedOut = this.#lastIndex;
    return { truncateFrom, entries };
  }

  /** An order is on disk that left the log ending at `lastIndex`, in `generation`. */
  persisted(generation: number, lastIndex: Index): void {
    if (generation === this.#generation && lastIndex > this.#durable) this.#durable = lastIndex;
    this.#cache.evict(this.#durable);
  }

  /** The log up to `index` is covered by a checkpoint. */
  compact(index: Index): void {
    assert(index > this.baseIndex && index <= this.#durable, "only durable entries are forgotten");
    this.#runs.compact(index);
    this.#cache.dropTo(index);
  }

  /** Everything is replaced by an installed snapshot, on disk as well. */
  reset(snapshot: SnapshotMeta): void {
    this.#runs = new TermRuns(snapshot.index, snapshot.term);
    this.#cache.reset(snapshot.index + 1);
    this.#lastIndex = snapshot.index;
    this.#durable = snapshot.index;
    this.#handedOut = snapshot.index;
    this.#truncateFrom = undefined;
    this.#generation++;
  }
}
