import { assert } from "../base/index.js";
import type { AppendRequest, Heartbeat, SnapshotRequest } from "./messages.js";
import type { ReplicaState } from "./state.js";
import type { Index, ReplicaId, Term } from "./types.js";

/** What a replica does with the words of its leader: section 5.3 of the paper, made asynchronous. */
export class Follower {
  readonly #state: ReplicaState;
  /** An acknowledgement is owed to this replica; 0: to nobody. */
  #owedTo: ReplicaId = 0;
  #owedTerm: Term = 0;
  #acknowledged: Index = 0;

  constructor(state: ReplicaState) {
    this.#state = state;
  }

  append(message: AppendRequest): void {
    const state = this.#state;
    state.heardLeader(message.from);
    // The log is about to be replaced; the leader probes again when it is.
    if (state.installing !== undefined) return;
    const { prevIndex, prevTerm, entries } = message;
    // What is committed is equal everywhere; looking closer could only do harm (messages may be old).
    if (prevIndex < state.commit) {
      this.#owe(message.from, state.commit);
      return;
    }
    if (state.log.term(prevIndex) !== prevTerm) {
      this.#refuse(message);
      return;
    }
    this.#take(message);
    const verified = prevIndex + entries.length;
    this.#owe(message.from, verified);
    // Never beyond what this message verified: entries after it may be another leader's.
    state.commitTo(Math.min(message.commit, verified));
  }

  heartbeat(message: Heartbeat): void {
    const { from, commit, context } = message;
    const state = this.#state;
    state.heardLeader(from);
    // The leader sends at most what this replica acknowledged to it in this term.
    state.commitTo(commit);
    const { id, term, outbox } = state;
    outbox.afterPersist.push({ type: "heartbeat-reply", from: id, to: from, term, context });
  }

  /** A snapshot whose data is here whole. It may come from any up-to-date replica, so it does not tell who leads. */
  snapshot(message: SnapshotRequest): void {
    const state = this.#state;
    const { snapshot, from } = message;
    if (state.role !== "follower") state.becomeFollower(state.term, 0);
    if (state.installing !== undefined) return;
    // This log reconnects to the sender's without it: an ordinary acknowledgement makes the leader go on from the log.
    const leader = state.leader === 0 ? from : state.leader;
    if (snapshot.index <= state.commit) this.#owe(leader, state.commit);
    else if (state.log.term(snapshot.index) === snapshot.term) {
      this.#owe(leader, snapshot.index);
      state.commitTo(snapshot.index);
    } else {
      state.installing = snapshot;
      state.outbox.install = snapshot;
    }
  }

  installed(): void {
    this.#owe(this.#state.leader, this.#state.verified);
  }

  /**
   * Acknowledges the smaller of what is verified and what is durable, once that covers what the leader waits for or at least
   * moved: so one flush answers all appends that it covered.
   */
  emit(): void {
    const state = this.#state;
    const { id, term, log, outbox, verified, persistence } = state;
    if (this.#owedTo === 0 || state.installing !== undefined || state.applyLags) return;
    if (this.#owedTerm !== term || state.role === "leader") {
      this.#owedTo = 0;
      return;
    }
    const index = Math.min(verified, log.durable);
    if (index < verified && index <= this.#acknowledged) return;
    const out = persistence.durableTerm === term ? outbox.now : outbox.afterPersist;
    out.push({
      type: "append-reply",
      from: id,
      to: this.#owedTo,
      term,
      refused: false,
      index,
      hintIndex: 0,
      hintTerm: 0,
    });
    this.#acknowledged = index;
    if (index === verified) this.#owedTo = 0;
  }

  #owe(to: ReplicaId, verified: Index): void {
    const { term, log } = this.#state;
    this.#state.verify(verified);
    // What is durable already goes out with what is not yet, unless a flush in between makes a part of that durable.
    if (this.#owedTerm !== term) this.#acknowledged = log.durable;
    this.#owedTerm = term;
    this.#owedTo = to;
  }

  /** Appends what is new, after dropping what contradicts it. Entries beyond the message stay: they may be newer than it. */
  #take({ prevIndex, entries, term }: AppendRequest): void {
    const state = this.#state;
    const { log } = state;
    let index = prevIndex;
    for (const entry of entries) {
      index++;
      assert(entry.index === index && entry.term <= term, "the entries of a message follow its prevIndex");
      if (index <= log.lastIndex) {
        if (log.term(index) === entry.term) continue;
        state.truncate(index);
      }
      state.append(entry);
    }
  }

  /** The hint lets the leader skip a whole term at a time: our last entry whose term it may have at all. */
  #refuse({ from, prevIndex, prevTerm }: AppendRequest): void {
    const { id, term, log, outbox } = this.#state;
    const hintIndex = log.lastIndexAtMost(prevIndex, prevTerm);
    const hintTerm = log.term(hintIndex);
    assert(hintTerm !== undefined, "the hint lies in the log");
    outbox.afterPersist.push({
      type: "append-reply",
      from: id,
      to: from,
      term,
      refused: true,
      index: prevIndex,
      hintIndex,
      hintTerm,
    });
  }
}
