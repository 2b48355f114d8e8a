import { assert } from "../base/index.js";
import type { Index, Term } from "./types.js";

/**
 * The term of every entry, as runs: terms never decrease along a log, so a log of millions of entries is a handful of runs,
 * and the questions of fast backtracking cost O(log terms). The first run starts at the base, the last index that the
 * snapshot covers, so that the term before the first entry is known too.
 */
export class TermRuns {
  #froms: Index[];
  #terms: Term[];

  constructor(baseIndex: Index, baseTerm: Term) {
    this.#froms = [baseIndex];
    this.#terms = [baseTerm];
  }

  get baseIndex(): Index {
    return this.#froms[0] as Index;
  }

  get lastTerm(): Term {
    return this.#terms[this.#terms.length - 1] as Term;
  }

  /** The entry at `index`, the one after the last, has this term. */
  append(index: Index, term: Term): void {
    const last = this.lastTerm;
    if (term === last) return;
    assert(term > last, "terms never decrease along a log");
    this.#froms.push(index);
    this.#terms.push(term);
  }

  /** Term at `index`, which must lie between the base and the last index. */
  termAt(index: Index): Term {
    return this.#terms[this.#runOf(index)] as Term;
  }

  /** The largest index <= `index` whose term is <= `term`; the base when there is none. */
  lastIndexAtMost(index: Index, term: Term): Index {
    let run = this.#runOf(index);
    if ((this.#terms[run] as Term) <= term) return index;
    let low = 0;
    while (low < run) {
      const middle = (low + run) >> 1;
      if ((this.#terms[middle] as Term) > term) run = middle;
      else low = middle + 1;
    }
    // `run` is now the first run whose term is too large.
    return run === 0 ? this.baseIndex : (this.#froms[run] as Index) - 1;
  }

  /** Forgets everything at and after `from`, which must be after the base. */
  truncate(from: Index): void {
    let count = this.#froms.length;
    while (count > 1 && (this.#froms[count - 1] as Index) >= from) count--;
    this.#froms.length = count;
    this.#terms.length = count;
  }

  /** Makes `index` the base. */
  compact(index: Index): void {
    const run = this.#runOf(index);
    this.#froms = this.#froms.slice(run);
    this.#terms = this.#terms.slice(run);
    this.#froms[0] = index;
  }

  #runOf(index: Index): number {
    let high = this.#froms.length - 1;
    if ((this.#froms[high] as Index) <= index) return high;
    let low = 0;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#froms[middle] as Index) <= index) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
