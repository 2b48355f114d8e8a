import { assert } from "../base/index.js";
import type { RaftLog } from "./log.js";
import type { PersistOrder } from "./ready.js";
import type { HardState, ReplicaId, Term } from "./types.js";

interface Issued {
  readonly sequence: number;
  readonly term: Term;
  readonly vote: ReplicaId;
  /** Where the log ended, and in which generation: what its completion proves about entries. */
  readonly lastIndex: number;
  readonly generation: number;
  readonly tick: number;
}

/**
 * The orders on their way to the disk, and the term and vote known to be there. A moved commit index alone makes no order:
 * it rides along with the next one, and a restart that knows less of it only learns it again. So every order must sync.
 */
export class Persistence {
  readonly #issued: Issued[] = [];
  #sequence = 0;
  #hard: HardState;
  #durableTerm: Term;
  #durableVote: ReplicaId;

  constructor(restored: HardState) {
    this.#hard = restored;
    this.#durableTerm = restored.term;
    this.#durableVote = restored.vote;
  }

  /** True while an order is on its way. */
  get pending(): boolean {
    return this.#issued.length > 0;
  }

  /** Tick at which the oldest order on its way was issued; undefined when there is none. */
  get pendingSinceTick(): number | undefined {
    return this.#issued[0]?.tick;
  }

  get durableTerm(): Term {
    return this.#durableTerm;
  }

  isDurable(term: Term, vote: ReplicaId): boolean {
    return this.#durableTerm === term && this.#durableVote === vote;
  }

  /** True when `take` would return an order. */
  needsOrder(log: RaftLog, term: Term, vote: ReplicaId): boolean {
    return log.hasUnpersisted || this.#hard.term !== term || this.#hard.vote !== vote;
  }

  /** The next order, if anything must reach the disk. */
  take(log: RaftLog, current: HardState, tick: number): PersistOrder | undefined {
    const { term, vote, commit } = current;
    if (!this.needsOrder(log, term, vote)) return undefined;
    const { truncateFrom, entries } = log.takeUnpersisted();
    const moved = this.#hard.term !== term || this.#hard.vote !== vote || this.#hard.commit !== commit;
    if (moved) this.#hard = current;
    const sequence = ++this.#sequence;
    this.#issued.push({ sequence, term, vote, lastIndex: log.lastIndex, generation: log.generation, tick });
    return { sequence, hard: moved ? current : undefined, truncateFrom, entries, mustSync: true };
  }

  /** The order `sequence` and every earlier one is durable. */
  persisted(sequence: number, log: RaftLog): void {
    assert(sequence <= this.#sequence, "only orders that were issued become durable");
    let order = this.#issued[0];
    while (order !== undefined && order.sequence <= sequence) {
      this.#issued.shift();
      this.#durableTerm = order.term;
      this.#durableVote = order.vote;
      log.persisted(order.generation, order.lastIndex);
      order = this.#issued[0];
    }
  }
}
