import type { HardState, Index, RestoredState, SnapshotMeta, Term } from "../../src/raft/index.js";
import type { LogOrder } from "../../src/storage/index.js";

/** A group's log as a list of terms by index; index 0 and what a snapshot covers hold 0. */
interface LogState {
  term: Term;
  vote: number;
  base: Index;
  terms: Term[];
}

function apply(state: LogState, order: LogOrder, entryCount = order.entries.length): void {
  if (order.hard !== undefined) {
    state.term = order.hard.term;
    state.vote = order.hard.vote;
  }
  if (order.truncateFrom !== undefined) state.terms.length = Math.min(state.terms.length, order.truncateFrom);
  for (const entry of order.entries.slice(0, entryCount)) {
    state.terms.length = entry.index;
    state.terms[entry.index] = entry.term;
  }
}

const copy = (state: LogState): LogState => ({ ...state, terms: [...state.terms] });

/** What became of the orders that were under way when a process died, or why what is there cannot be. */
export type Recovery =
  | { readonly orders: "none" | "lost" | "kept" | "in part"; readonly problem?: undefined }
  | { readonly problem: string };

/**
 * What one replica has told its core to be on disk, and what it has asked for since. After a crash the log must show all of
 * the first, and of the second a prefix: nothing that was promised is gone, nothing is there by half.
 */
export class DurableShadow {
  #state: LogState = { term: 0, vote: 0, base: 0, terms: [0] };
  #pending: LogOrder[] = [];
  #installing: { readonly snapshot: SnapshotMeta; readonly hard: HardState } | undefined;

  submitted(order: LogOrder): void {
    this.#pending.push(order);
  }

  durable(): void {
    const order = this.#pending.shift();
    if (order !== undefined) apply(this.#state, order);
  }

  installing(snapshot: SnapshotMeta, hard: HardState): void {
    this.#installing = { snapshot, hard };
  }

  installed(): void {
    if (this.#installing !== undefined) this.#install(this.#installing);
    this.#installing = undefined;
  }

  #install({ snapshot, hard }: { readonly snapshot: SnapshotMeta; readonly hard: HardState }): void {
    const terms: Term[] = [];
    terms[snapshot.index] = snapshot.term;
    this.#state = { term: hard.term, vote: hard.vote, base: snapshot.index, terms };
  }

  /** Whether the entry of `term` at `index`, or a snapshot of it, is on this replica's disk. */
  holds(index: Index, term: Term): boolean {
    return index <= this.#state.base || this.#state.terms[index] === term;
  }

  get lastIndex(): Index {
    return Math.max(this.#state.base, this.#state.terms.length - 1);
  }

  /** Whether a vote for `candidate` in `term`, or a later term, is on this replica's disk. */
  hasVoted(term: Term, candidate: number): boolean {
    return this.#state.term > term || (this.#state.term === term && this.#state.vote === candidate);
  }

  /** What recovery found, held against what is possible. Takes it over. */
  recovered(found: RestoredState | undefined): Recovery {
    if (found === undefined)
      return this.#isEmpty ? { orders: "none" } : { problem: "recovery did not find the replica" };
    const recovery = this.#compare(found);
    this.#takeOver(found);
    return recovery;
  }

  #compare(found: RestoredState): Recovery {
    if (this.#installing !== undefined) return { orders: "none" };
    if (agrees(this.#state, found)) return { orders: this.#pending.length === 0 ? "none" : "lost" };
    const candidate = copy(this.#state);
    for (const [i, order] of this.#pending.entries()) {
      for (let count = 0; count <= order.entries.length; count++) {
        const attempt = copy(candidate);
        apply(attempt, order, count);
        if (!agrees(attempt, found)) continue;
        const whole = i === this.#pending.length - 1 && count === order.entries.length;
        return { orders: whole ? "kept" : "in part" };
      }
      apply(candidate, order);
    }
    return { problem: describe(this.#state, this.#pending.length, found) };
  }

  get #isEmpty(): boolean {
    const { term, base, terms } = this.#state;
    return term === 0 && base === 0 && terms.length === 1;
  }

  #takeOver(found: RestoredState): void {
    const terms: Term[] = [];
    terms[found.snapshot.index] = found.snapshot.term;
    found.termRuns.forEach((run, i) => {
      const end = found.termRuns[i + 1]?.from ?? found.lastIndex + 1;
      for (let index = run.from; index < end; index++) terms[index] = run.term;
    });
    this.#state = { term: found.hard.term, vote: found.hard.vote, base: found.snapshot.index, terms };
    this.#pending = [];
    this.#installing = undefined;
  }
}

function agrees(state: LogState, found: RestoredState): boolean {
  if (state.term !== found.hard.term || state.vote !== found.hard.vote) return false;
  if (Math.max(state.terms.length - 1, state.base) !== Math.max(found.lastIndex, found.snapshot.index)) return false;
  return found.termRuns.every((run, i) => {
    const end = found.termRuns[i + 1]?.from ?? found.lastIndex + 1;
    for (let index = Math.max(run.from, state.base + 1); index < end; index++)
      if (state.terms[index] !== run.term) return false;
    return true;
  });
}

function describe(state: LogState, pending: number, found: RestoredState): string {
  const { hard, snapshot, lastIndex, termRuns } = found;
  return (
    `recovery found term ${String(hard.term)}, vote ${String(hard.vote)}, entries to ${String(lastIndex)} after snapshot ` +
    `${String(snapshot.index)}, runs ${JSON.stringify(termRuns)}; durable were term ${String(state.term)}, vote ` +
    `${String(state.vote)}, entries to ${String(state.terms.length - 1)} (last term ${String(state.terms.at(-1))}) after ` +
    `${String(state.base)}, and ${String(pending)} orders were under way`
  );
}
