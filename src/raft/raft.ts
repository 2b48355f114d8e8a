import { assert, unreachable } from "../base/index.js";
import type { ConfigurationChange, Consensus, Proposal, Status } from "./consensus.js";
import { Election } from "./election.js";
import { Follower } from "./follower.js";
import { Leader } from "./leader.js";
import type { ConfigurationAt } from "./membership.js";
import type { Message } from "./messages.js";
import type { RaftOptions } from "./options.js";
import type { FetchOrder, LeadershipState, Ready, RestoredState } from "./ready.js";
import { ReplicaState } from "./state.js";
import type { Configuration, Entry, Index, ReplicaId, SnapshotMeta, Term } from "./types.js";

const noMessages: readonly Message[] = Object.freeze<Message[]>([]);
const notLeader: Proposal = Object.freeze({ refused: "not-leader" } as const);

/** The consensus core: routes inputs to the part whose turn it is, and gathers what they ask of the host. */
export class RaftCore implements Consensus {
  readonly #state: ReplicaState;
  readonly #election: Election;
  readonly #follower: Follower;
  #leader: Leader | undefined;
  /** The last `commitTo` that was announced. */
  #announced: Index;
  #reported: LeadershipState;
  #reportedConfiguration: Configuration;
  #started = false;
  /** Nothing was to be done when the host last asked, and nothing has happened since: most replicas, most of the time. */
  #idle = false;

  constructor(options: RaftOptions, restored: RestoredState) {
    this.#state = new ReplicaState(options, restored);
    this.#election = new Election(this.#state);
    this.#follower = new Follower(this.#state);
    this.#announced = this.#state.applied;
    this.#reported = { role: this.#state.role, term: this.#state.term, leader: this.#state.leader };
    this.#reportedConfiguration = this.#state.membership.current;
  }

  // --- inputs

  tick(nowMs = 0): void {
    const state = this.#state;
    this.#started = true;
    state.ticks++;
    if (!(this.#leader === undefined ? this.#tickFollowing() : this.#leader.tick(nowMs))) return;
    this.#idle = false;
    this.#settle();
  }

  /** One tick of a replica that does not lead; true when its patience has ended. */
  #tickFollowing(): boolean {
    const state = this.#state;
    if (!state.timer.advance()) return false;
    state.loseLeader();
    if (state.promotable) this.#election.start();
    return true;
  }

  step(message: Message): void {
    this.#started = true;
    // A replica that lost its disk came back under another id: what was meant for the old one is not for it.
    if (message.to !== this.#state.id) return;
    assert(message.from !== message.to, "no replica sends to itself");
    if (message.type === "heartbeat-reply" && message.term === this.#state.term) {
      // Most of what a leader hears: nothing follows from it, so nothing is looked into.
      if (this.#leader?.heartbeatReply(message) !== true) return;
    } else if (this.#admit(message)) this.#dispatch(message);
    this.#idle = false;
    this.#settle();
  }

  propose(data: Uint8Array, term: Term): Proposal {
    if (this.#leader === undefined) return notLeader;
    this.#idle = false;
    return this.#leader.propose(data, term);
  }

  proposeConfiguration(change: ConfigurationChange): Proposal {
    if (this.#leader === undefined) return notLeader;
    this.#idle = false;
    const proposal = this.#leader.proposeConfiguration(change);
    this.#settle();
    return proposal;
  }

  readIndex(context: number): void {
    this.#idle = false;
    if (this.#leader !== undefined) this.#leader.readIndex(context);
    else this.#state.outbox.reads.push({ context, index: 0 });
  }

  transferLeadership(to: ReplicaId): boolean {
    this.#idle = false;
    return this.#leader?.transferTo(to) ?? false;
  }

  get leaseUntilMs(): number {
    return this.#leader?.leaseUntilMs ?? 0;
  }

  standAside(on: boolean): void {
    this.#idle = false;
    this.#state.standAside(on);
  }

  persisted(sequence: number): void {
    const state = this.#state;
    this.#idle = false;
    state.persistence.persisted(sequence, state.log);
    if (this.#leader !== undefined) this.#leader.persisted();
    else if (this.#election.persisted()) this.#lead();
    this.#settle();
  }

  applied(index: Index): void {
    this.#idle = false;
    // Right after the start: the checkpoint that the machine was restored from proves more than the recovered commit index.
    if (!this.#started) this.#state.commitTo(index);
    this.#state.appliedTo(index);
    this.#announced = Math.max(this.#announced, this.#state.applied);
  }

  entriesFetched(order: FetchOrder, entries: readonly Entry[]): void {
    this.#idle = false;
    this.#leader?.fetched(order, entries);
  }

  snapshotSent(to: ReplicaId, ok: boolean, index: Index): void {
    this.#idle = false;
    this.#leader?.snapshotSent(to, ok, index);
  }

  snapshotInstalled(snapshot: SnapshotMeta): void {
    this.#idle = false;
    this.#state.installed(snapshot);
    this.#announced = snapshot.index;
    this.#follower.installed();
    this.#settle();
  }

  compacted(snapshot: SnapshotMeta): void {
    const { log, membership, applied } = this.#state;
    if (snapshot.index <= log.baseIndex) return;
    assert(snapshot.index <= applied, "a checkpoint holds only what was applied");
    assert(log.term(snapshot.index) === snapshot.term, "a checkpoint is one of this log");
    this.#idle = false;
    log.compact(snapshot.index);
    membership.compact(snapshot.index);
  }

  peerDown(id: ReplicaId): void {
    const { role, leader, timer } = this.#state;
    if (role === "follower" && leader === id) timer.suspect();
  }

  unreachable(id: ReplicaId): void {
    this.#idle = false;
    this.#leader?.unreachable(id);
  }

  // --- messages

  /** The rules that hold for all messages by their term. False when the message ends here. */
  #admit(message: Message): boolean {
    const state = this.#state;
    const { type, term, from } = message;
    if (term === state.term) return true;
    if (term < state.term) return this.#answerOldTerm(message);
    if (type === "vote-request") {
      // A voter that hears a live leader helps nobody to depose it, unless that leader asked for it (thesis 4.2.3). A
      // request of the leader itself proves that it leads no more. What a leader once asked of a replica that has been removed
      // since is void.
      const sticky = (state.leader !== 0 && state.leader !== from && state.timer.fresh) || state.mayHavePromised;
      if (sticky && !(message.transfer && state.membership.isVoter(from))) return false;
      if (message.pre) return true;
    }
    // An answer of a replica that is no member any more weighs nothing, not even by its term. Requests do: their sender may be a
    // member of a configuration that this replica has not heard of.
    if (isReply(message) && !state.membership.members.includes(from)) return false;
    // The term asked for in a pre-vote is nobody's yet.
    if (type === "vote-reply" && message.pre && message.granted) return true;
    state.becomeFollower(term, 0);
    return true;
  }

  /** A replica of an old term learns ours, or it might be stuck in its own for ever. */
  #answerOldTerm(message: Message): boolean {
    const { type, from } = message;
    if (type === "vote-request") return true;
    if (type === "append-request" || type === "heartbeat" || type === "snapshot-request") {
      const { id, term, outbox } = this.#state;
      const reply = { type: "append-reply", from: id, to: from, term, refused: true } as const;
      outbox.afterPersist.push({ ...reply, index: 0, hintIndex: 0, hintTerm: 0 });
    }
    return false;
  }

  #dispatch(message: Message): void {
    switch (message.type) {
      case "vote-request":
        this.#election.request(message);
        return;
      case "vote-reply":
        if (this.#election.reply(message)) this.#lead();
        return;
      case "append-request":
        this.#assertFollowing();
        this.#follower.append(message);
        return;
      case "heartbeat":
        this.#assertFollowing();
        this.#follower.heartbeat(message);
        return;
      case "snapshot-request":
        this.#assertFollowing();
        this.#follower.snapshot(message);
        return;
      case "append-reply":
        this.#leader?.appendReply(message);
        return;
      case "heartbeat-reply":
        // Of a later term, which it has told by now.
        return;
      case "timeout-now":
        if (this.#state.role === "follower" && this.#state.promotable) this.#election.campaign(true);
        return;
      default:
        unreachable(message);
    }
  }

  #assertFollowing(): void {
    assert(this.#state.role !== "leader", "there is one leader in a term");
  }

  #lead(): void {
    this.#state.becomeLeader();
    this.#leader = new Leader(this.#state);
  }

  /** Ends what the last input made obsolete, and checks what must always hold (raft.md section 10, L2, L3 and L10). */
  #settle(): void {
    const { role, log, commit, applied } = this.#state;
    if (role !== "leader" && this.#leader !== undefined) {
      this.#leader.end();
      this.#leader = undefined;
    }
    this.#leader?.check();
    assert(applied <= commit && commit <= log.lastIndex, "applied <= commit <= last");
    assert(applied <= log.durable && log.durable <= log.lastIndex, "applied <= durable <= last");
    assert(log.firstIndex <= commit + 1, "the log starts at or before the first uncommitted entry");
  }

  // --- outputs

  hasReady(): boolean {
    if (this.#idle) return false;
    this.#emit();
    this.#idle = this.#state.outbox.isEmpty && !this.#hasOtherThanMessages();
    return !this.#idle;
  }

  takeMessages(): readonly Message[] | undefined {
    if (!this.hasReady()) return noMessages;
    const { outbox, persistence } = this.#state;
    const wait = persistence.pending && !outbox.afterPersist.isEmpty;
    if (wait || outbox.hasOrders || this.#hasOtherThanMessages()) return undefined;
    // What could be said has been said: asking again would bring nothing.
    this.#idle = true;
    return joined(outbox.now.take(), outbox.afterPersist.take());
  }

  /** Something that must be written, applied or known to the host. */
  #hasOtherThanMessages(): boolean {
    const { persistence, log, term, vote, membership } = this.#state;
    return (
      persistence.needsOrder(log, term, vote) ||
      this.#applicable() > this.#announced ||
      this.#leadershipMoved() ||
      membership.current !== this.#reportedConfiguration
    );
  }

  ready(): Ready | undefined {
    if (!this.hasReady()) return undefined;
    const { outbox, persistence, log, term, vote, commit, ticks } = this.#state;
    const persist = persistence.take(log, { term, vote, commit }, ticks);
    const now = outbox.now.take();
    const after = outbox.afterPersist.take();
    const wait = persistence.pending;
    return {
      persist,
      sendNow: wait ? now : joined(now, after),
      sendAfterPersist: wait ? after : noMessages,
      commitTo: this.#takeCommit(),
      reads: outbox.reads.take(),
      fetches: outbox.fetches.take(),
      snapshots: outbox.snapshots.take(),
      install: outbox.takeInstall(),
      leadership: this.#takeLeadership(),
      configuration: this.#takeConfiguration(),
    };
  }

  #emit(): void {
    if (this.#leader !== undefined) this.#leader.emit();
    else this.#follower.emit();
  }

  /** What is committed and on the own disk may be applied; what the disk lacks could be lost here and differ afterwards. */
  #applicable(): Index {
    return Math.min(this.#state.commit, this.#state.log.durable);
  }

  #takeCommit(): Index | undefined {
    const index = this.#applicable();
    if (index <= this.#announced) return undefined;
    this.#announced = index;
    return index;
  }

  #leadershipMoved(): boolean {
    const { role, term, leader } = this.#state;
    const reported = this.#reported;
    return reported.role !== role || reported.term !== term || reported.leader !== leader;
  }

  #takeLeadership(): LeadershipState | undefined {
    if (!this.#leadershipMoved()) return undefined;
    const { role, term, leader } = this.#state;
    this.#reported = { role, term, leader };
    return this.#reported;
  }

  #takeConfiguration(): Configuration | undefined {
    const { current } = this.#state.membership;
    if (current === this.#reportedConfiguration) return undefined;
    this.#reportedConfiguration = current;
    return current;
  }

  // --- views

  entries(low: Index, high: Index, bytesMax: number): readonly Entry[] | undefined {
    return this.#state.log.entries(low, high, bytesMax);
  }

  term(index: Index): Term | undefined {
    return this.#state.log.term(index);
  }

  configurationAt(index: Index): ConfigurationAt {
    return this.#state.membership.at(index);
  }

  status(): Status {
    const { id, role, term, vote, leader, log, commit, applied, membership } = this.#state;
    return {
      id,
      role,
      term,
      vote,
      leader,
      firstIndex: log.firstIndex,
      lastIndex: log.lastIndex,
      commit,
      applied,
      durable: log.durable,
      configuration: membership.current,
      configurationIndex: membership.currentIndex,
      established: this.#leader?.established ?? false,
      uncommittedBytes: this.#leader?.uncommittedBytes ?? 0,
      peers: this.#leader?.peers() ?? [],
    };
  }
}

function isReply({ type }: Message): boolean {
  return type === "vote-reply" || type === "append-reply" || type === "heartbeat-reply";
}

function joined(first: readonly Message[], second: readonly Message[]): readonly Message[] {
  if (second.length === 0) return first;
  return first.length === 0 ? second : [...first, ...second];
}
