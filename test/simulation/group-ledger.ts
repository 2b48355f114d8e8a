import { crc32c } from "../../src/base/index.js";
import {
  type Configuration,
  decodeConfiguration,
  type Entry,
  EntryKind,
  type Index,
  type ReplicaId,
  type Term,
} from "../../src/raft/index.js";
import type { World } from "./world.js";

interface Known {
  readonly hash: number;
  readonly previousTerm: Term;
}

interface Committed {
  readonly term: Term;
  readonly hash: number;
  /** The term of the replica that committed it first, which is that of the leader. */
  readonly commitTerm: Term;
}

/** Terms stay below 2^21 in a run, indexes below 2^31. */
const keyOf = (index: Index, term: Term): number => term * 0x8000_0000 + index;

/**
 * All that was ever true of one partition, over all its replicas and lives: who led in which term, which entries there were,
 * which were committed, what state they lead to. What contradicts it fails the run (raft.md section 10, I1 to I5).
 */
export class GroupLedger {
  readonly #world: World;
  readonly #group: number;
  readonly #leaders = new Map<Term, ReplicaId>();
  readonly #entries = new Map<number, Known>();
  readonly #committed: (Committed | undefined)[] = [];
  readonly #stateHashes = new Map<Index, number>();
  /** Every configuration that was ever appended, by index; several of one index are of different terms. */
  readonly #configurations: { readonly index: Index; readonly term: Term; readonly configuration: Configuration }[];
  #lastCommitted: Index = 0;

  constructor(world: World, group: number, founding: Configuration) {
    this.#world = world;
    this.#group = group;
    this.#configurations = [{ index: 0, term: 0, configuration: founding }];
  }

  /** The configurations by which a leader may have counted when it committed `index`: the last committed one up to there, and all later ones. */
  configurationsFrom(index: Index): Configuration[] {
    let last = 0;
    for (const made of this.#configurations)
      if (made.index <= index && this.#committed[made.index]?.term === made.term) last = Math.max(last, made.index);
    return this.#configurations.filter((made) => made.index >= last).map(({ configuration }) => configuration);
  }

  /** What every replica starts from. */
  get founding(): Configuration {
    return this.#configurations[0]?.configuration as Configuration;
  }

  /** Those by which a leader may count from now on. */
  get inForce(): Configuration[] {
    return this.configurationsFrom(this.#lastCommitted);
  }

  get lastCommitted(): Index {
    return this.#lastCommitted;
  }

  get leadersSeen(): number {
    return this.#leaders.size;
  }

  #fail(rule: string, what: string): void {
    this.#world.fail(`${rule} broken in partition ${String(this.#group)}: ${what}`);
  }

  /** I1 Election Safety; I4 Leader Completeness: whatever was committed in an earlier term is in the new leader's log. */
  leads(replica: ReplicaId, term: Term, termAt: (index: Index) => Term | undefined, firstIndex: Index): void {
    const other = this.#leaders.get(term);
    if (other !== undefined && other !== replica)
      this.#fail(
        "I1 (election safety)",
        `replicas ${String(other)} and ${String(replica)} both lead in term ${String(term)}`,
      );
    this.#leaders.set(term, replica);
    let index = this.#lastCommitted;
    while (index > 0 && (this.#committed[index]?.commitTerm ?? 0) >= term) index--;
    const committed = this.#committed[index];
    if (index < firstIndex || committed === undefined) return;
    const found = termAt(index);
    if (found !== committed.term)
      this.#fail(
        "I4 (leader completeness)",
        `replica ${String(replica)} leads in term ${String(term)} and has term ${String(found)} at ${String(index)}, where ` +
          `an entry of term ${String(committed.term)} was committed in term ${String(committed.commitTerm)}`,
      );
  }

  /** I3 Log Matching, by induction: entries of one index and term are the same and follow entries of the same term. */
  appended(replica: ReplicaId, entry: Entry, previousTerm: Term | undefined): void {
    const key = keyOf(entry.index, entry.term);
    const hash = (crc32c(entry.data) ^ (entry.kind << 8)) >>> 0;
    const known = this.#entries.get(key);
    if (known === undefined) {
      this.#entries.set(key, { hash, previousTerm: previousTerm ?? 0 });
      if (entry.kind === EntryKind.config)
        this.#configurations.push({
          index: entry.index,
          term: entry.term,
          configuration: decodeConfiguration(entry.data),
        });
      return;
    }
    const where = `replica ${String(replica)}, entry ${String(entry.index)} of term ${String(entry.term)}`;
    if (known.hash !== hash) this.#fail("I3 (log matching)", `${where} has other bytes than elsewhere`);
    if (previousTerm !== undefined && known.previousTerm !== previousTerm)
      this.#fail(
        "I3 (log matching)",
        `${where} follows term ${String(previousTerm)}, elsewhere ${String(known.previousTerm)}`,
      );
  }

  /** I5 State Machine Safety. True when the entry was not known to be committed before. */
  committed(replica: ReplicaId, index: Index, term: Term, replicaTerm: Term): boolean {
    const known = this.#committed[index];
    const hash = this.#entries.get(keyOf(index, term))?.hash;
    if (hash === undefined) {
      this.#fail(
        "I5 (state machine safety)",
        `replica ${String(replica)} commits ${String(index)} of term ${String(term)}, which nobody appended`,
      );
      return false;
    }
    if (known === undefined) {
      this.#committed[index] = { term, hash, commitTerm: replicaTerm };
      this.#lastCommitted = Math.max(this.#lastCommitted, index);
      return true;
    }
    if (known.term !== term || known.hash !== hash)
      this.#fail(
        "I5 (state machine safety)",
        `replica ${String(replica)} commits an entry of term ${String(term)} at ${String(index)}, another one committed term ${String(known.term)} there`,
      );
    return false;
  }

  /** True when the state at `index` can be compared or is worth keeping. */
  stateAt(replica: ReplicaId, index: Index, stateHash: number): void {
    const known = this.#stateHashes.get(index);
    if (known === undefined) {
      this.#stateHashes.set(index, stateHash);
      return;
    }
    this.#world.coverage.add("stateHashesCompared");
    if (known !== stateHash)
      this.#fail(
        "I5 (state machine safety)",
        `replica ${String(replica)} is in another state at ${String(index)} than others were`,
      );
  }
}
