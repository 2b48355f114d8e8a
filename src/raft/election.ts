import type { VoteReply, VoteRequest } from "./messages.js";
import { voteResult } from "./quorum.js";
import type { ReplicaState } from "./state.js";
import type { ReplicaId } from "./types.js";

/** Campaigns, and the votes given and taken (sections 5.2 and 5.4 of the paper, pre-vote of thesis 9.6). */
export class Election {
  readonly #state: ReplicaState;
  readonly #votes = new Map<ReplicaId, boolean>();

  constructor(state: ReplicaState) {
    this.#state = state;
  }

  /** Asks whether an election could be won, without changing term or vote: a replica that was cut off disturbs nobody. */
  start(): void {
    const state = this.#state;
    state.becomePreCandidate();
    this.#votes.clear();
    this.#votes.set(state.id, true);
    this.#request(true, false);
    this.#count();
  }

  /** A real election. `transfer` when the leader asked for it, so that its own stickiness does not stand in the way. */
  campaign(transfer: boolean): void {
    this.#state.becomeCandidate();
    // The own vote is counted when it is on disk: a crash must not be able to give it to somebody else.
    this.#votes.clear();
    this.#request(false, transfer);
  }

  /** The term of the message, if it asks for a real vote, has been taken over before. */
  request(message: VoteRequest): void {
    const state = this.#state;
    const { from, pre, term, lastIndex, lastTerm } = message;
    const free = state.vote === from || (state.vote === 0 && state.leader === 0) || (pre && term > state.term);
    const upToDate = state.log.isUpToDate(lastIndex, lastTerm);
    const granted = term >= state.term && free && upToDate;
    if (granted && !pre) state.voteFor(from);
    if (!upToDate) state.refusedShorterLog();
    // A grant names the term asked for, a refusal the own term, so that the asker may catch up with it.
    const replyTerm = granted ? term : state.term;
    state.outbox.afterPersist.push({ type: "vote-reply", from: state.id, to: from, term: replyTerm, pre, granted });
  }

  /** True when this vote won the election: the caller makes this replica the leader. */
  reply(message: VoteReply): boolean {
    const state = this.#state;
    const { from, pre, granted, term } = message;
    if (state.role !== (pre ? "pre-candidate" : "candidate")) return false;
    if (term !== (pre && granted ? state.term + 1 : state.term)) return false;
    if (!this.#votes.has(from)) this.#votes.set(from, granted);
    return this.#count();
  }

  /** An order became durable; true when the own vote was in it and won the election. */
  persisted(): boolean {
    const state = this.#state;
    if (state.role !== "candidate" || !state.persistence.isDurable(state.term, state.id)) return false;
    this.#votes.set(state.id, true);
    return this.#count();
  }

  #count(): boolean {
    const state = this.#state;
    const result = voteResult(state.membership.current, this.#votes);
    if (result === "lost") state.becomeFollower(state.term, 0);
    if (result !== "won") return false;
    // Not even the votes of all others are enough before the own one is durable: a leader that forgets its term in a crash
    // could be elected in it again, and write other entries under the same index and term.
    if (state.role === "candidate") return state.persistence.isDurable(state.term, state.id);
    this.campaign(false);
    return false;
  }

  #request(pre: boolean, transfer: boolean): void {
    const { id, term, log, membership, outbox } = this.#state;
    const { lastIndex, lastTerm } = log;
    const asked = pre ? term + 1 : term;
    // A vote is asked for with a log that a crash cannot shorten: a candidate that restarts could otherwise ask again in the same
    // term with less, and count the answers that its longer log had won.
    const out = pre ? outbox.now : outbox.afterPersist;
    for (const to of membership.members)
      if (to !== id && membership.isVoter(to))
        out.push({ type: "vote-request", from: id, to, term: asked, pre, lastIndex, lastTerm, transfer });
  }
}
