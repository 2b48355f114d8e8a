import type { Configuration, Entry, ReadGrant } from "../../src/raft/index.js";
import type { SimulatedReplica } from "./simulated-replica.js";

interface Committed {
  readonly term: number;
  /** The term of the replica that was the first to know. */
  readonly committedIn: number;
  data: string | undefined;
}

const fail = (rule: string, detail: string): never => {
  throw new Error(`${rule} violated: ${detail}`);
};

/** Sees all replicas at once and knows the safety properties of Figure 3 of the paper, and those of raft.md section 10. */
export class SafetyChecker {
  readonly #leaders = new Map<number, number>();
  /** By index; index 0 is a placeholder. */
  readonly #ledger: Committed[] = [{ term: 0, committedIn: 0, data: "" }];
  readonly #commits = new Map<number, number>();
  readonly #reads = new Map<number, number>();
  readonly #decoder = new TextDecoder();
  elections = 0;
  grants = 0;
  refusedReads = 0;

  get committed(): number {
    return this.#ledger.length - 1;
  }

  crashed(id: number): void {
    this.#commits.delete(id);
  }

  readBegan(context: number): void {
    this.#reads.set(context, this.committed);
  }

  granted({ context, index }: ReadGrant): void {
    const known = this.#reads.get(context);
    if (known === undefined) return fail("Reads", `context ${String(context)} was granted twice or never asked`);
    this.#reads.delete(context);
    if (index === 0) this.refusedReads++;
    else {
      this.grants++;
      if (index < known) fail("Linearizable reads", `${String(index)} granted after ${String(known)} was committed`);
    }
  }

  applied(entry: Entry): void {
    const committed = this.#ledger[entry.index];
    if (committed === undefined) return fail("State Machine Safety", `${String(entry.index)} is applied uncommitted`);
    const data = this.#decoder.decode(entry.data);
    committed.data ??= data;
    if (committed.term !== entry.term || committed.data !== data)
      fail("State Machine Safety", `index ${String(entry.index)}: "${data}" applied, elsewhere "${committed.data}"`);
  }

  observe(replica: SimulatedReplica, all: ReadonlyMap<number, SimulatedReplica>): void {
    if (!replica.alive) return;
    const { id, role, term, commit, configuration } = replica.core.status();
    if (role === "leader") this.#checkLeader(replica, term);
    const before = this.#commits.get(id) ?? 0;
    if (commit < before) fail("Commit is monotone", `${String(id)} went from ${String(before)} to ${String(commit)}`);
    if (commit > before) {
      this.#checkCommit(replica, term, commit);
      if (role === "leader") this.#checkDurable(replica, commit, configuration, all);
    }
    this.#commits.set(id, commit);
  }

  #checkLeader({ id, core }: SimulatedReplica, term: number): void {
    const other = this.#leaders.get(term);
    if (other === id) return;
    if (other !== undefined) fail("Election Safety", `${String(other)} and ${String(id)} lead term ${String(term)}`);
    this.#leaders.set(term, id);
    this.elections++;
    for (let index = core.status().firstIndex; index < this.#ledger.length; index++) {
      const committed = this.#ledger[index];
      if (committed !== undefined && committed.committedIn < term && core.term(index) !== committed.term)
        fail("Leader Completeness", `${String(id)} leads term ${String(term)} without entry ${String(index)}`);
    }
  }

  #checkCommit({ id, core }: SimulatedReplica, term: number, commit: number): void {
    for (let index = core.status().firstIndex; index <= commit; index++) {
      const own = core.term(index) ?? -1;
      const known = this.#ledger[index];
      if (known === undefined) this.#ledger[index] = { term: own, committedIn: term, data: undefined };
      else if (known.term !== own) fail("State Machine Safety", `${String(id)} commits another entry ${String(index)}`);
    }
  }

  /** What a leader calls committed is on the disks of a quorum. */
  #checkDurable(
    { core }: SimulatedReplica,
    commit: number,
    { voters, outgoing }: Configuration,
    all: ReadonlyMap<number, SimulatedReplica>,
  ): void {
    const term = core.term(commit);
    const has = (id: number): boolean => {
      const disk = all.get(id)?.disk;
      if (disk === undefined) return false;
      if (disk.snapshot.index >= commit) return true;
      return disk.entries[commit - disk.snapshot.index - 1]?.term === term;
    };
    for (const half of [voters, outgoing])
      if (half.length > 0 && half.filter(has).length * 2 <= half.length)
        fail("Committed is durable", `index ${String(commit)} is not on the disks of a majority of ${half.join()}`);
  }

  /** Log Matching: where two logs have the same term at an index, they are equal up to there. */
  compareLogs(replicas: readonly SimulatedReplica[]): void {
    for (const a of replicas) for (const b of replicas) if (a.id < b.id) this.#compare(a, b);
  }

  #compare(a: SimulatedReplica, b: SimulatedReplica): void {
    const [sa, sb] = [a.core.status(), b.core.status()];
    let equal = false;
    for (let index = Math.min(sa.lastIndex, sb.lastIndex); index >= Math.max(sa.firstIndex, sb.firstIndex); index--) {
      const same = a.core.term(index) === b.core.term(index);
      if (equal && !same) fail("Log Matching", `${String(a.id)} and ${String(b.id)} differ at ${String(index)}`);
      equal ||= same;
    }
  }
}
