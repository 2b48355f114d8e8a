import type { Outbox } from "./outbox.js";
import type { Index } from "./types.js";

interface ReadRound {
  readonly round: number;
  /** The commit index when the round began: a linearizable point for every read in it. */
  readonly index: Index;
  readonly contexts: readonly number[];
}

/**
 * Reads that wait for proof that this leader still is one (thesis 6.4). All reads of a turn share a round: one broadcast of
 * heartbeats that carry its number. Numbers are never used twice in a term, so a late answer to an earlier round cannot
 * confirm a later read; a replica that confirms a round confirms all before it.
 */
export class ReadRounds {
  readonly #pendingMax: number;
  #waiting: number[] = [];
  #rounds: ReadRound[] = [];
  #lastRound = 0;
  #pending = 0;

  constructor(pendingMax: number) {
    this.#pendingMax = pendingMax;
  }

  /** The newest round that heartbeats should carry; 0 when none waits. */
  get context(): number {
    return this.#rounds.length === 0 ? 0 : this.#lastRound;
  }

  get lastRound(): number {
    return this.#lastRound;
  }

  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  get hasRounds(): boolean {
    return this.#rounds.length > 0;
  }

  /** Refuses at once beyond the bound. */
  add(context: number, outbox: Outbox): void {
    if (this.#pending >= this.#pendingMax) {
      outbox.reads.push({ context, index: 0 });
      return;
    }
    this.#waiting.push(context);
    this.#pending++;
  }

  /** Gathers what waits into a round that begins now, at commit index `index`. */
  begin(index: Index): void {
    this.#rounds.push({ round: ++this.#lastRound, index, contexts: this.#waiting });
    this.#waiting = [];
  }

  /** A quorum has confirmed every round up to `round`. */
  confirm(round: number, outbox: Outbox): void {
    let confirmed = 0;
    for (const { round: candidate, index, contexts } of this.#rounds) {
      if (candidate > round) break;
      for (const context of contexts) outbox.reads.push({ context, index });
      this.#pending -= contexts.length;
      confirmed++;
    }
    if (confirmed > 0) this.#rounds = this.#rounds.slice(confirmed);
  }

  /** Leadership is over. */
  refuseAll(outbox: Outbox): void {
    for (const { contexts } of this.#rounds) for (const context of contexts) outbox.reads.push({ context, index: 0 });
    for (const context of this.#waiting) outbox.reads.push({ context, index: 0 });
    this.#rounds = [];
    this.#waiting = [];
    this.#pending = 0;
  }
}
