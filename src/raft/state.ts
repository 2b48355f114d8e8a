import { assert } from "../base/index.js";
import { decodeConfiguration } from "./configuration-codec.js";
import { ElectionTimer } from "./election-timer.js";
import { raftLimits } from "./limits.js";
import { RaftLog } from "./log.js";
import { isVoterOf, Membership } from "./membership.js";
import { checkRaftOptions, type RaftOptions } from "./options.js";
import { Outbox } from "./outbox.js";
import { Persistence } from "./persistence.js";
import type { RestoredState } from "./ready.js";
import { type Entry, EntryKind, type Index, type ReplicaId, type Role, type SnapshotMeta, type Term } from "./types.js";

/** The state of Figure 2 of the paper, and the only places where it changes; the rules are asserted here. */
export class ReplicaState {
  readonly id: ReplicaId;
  readonly options: RaftOptions;
  readonly log: RaftLog;
  readonly membership: Membership;
  readonly persistence: Persistence;
  readonly timer: ElectionTimer;
  readonly outbox = new Outbox();
  #role: Role = "follower";
  #term: Term;
  #vote: ReplicaId;
  #leader: ReplicaId = 0;
  #commit: Index;
  #applied: Index;
  #verified: Index;
  #applyLags = false;
  /** Since a leader was last heard a vote was refused to a replica with a shorter log. */
  #refusedShorterLog = false;
  #standsAside = false;
  /** A snapshot that the host is installing. Until it is done nothing is appended, and this replica does not campaign. */
  installing: SnapshotMeta | undefined;
  /** Ticks since the start; dates orders to the disk. */
  ticks = 0;

  constructor(options: RaftOptions, restored: RestoredState) {
    checkRaftOptions(options);
    const { hard, snapshot, configurations } = restored;
    this.id = options.id;
    this.options = options;
    this.log = new RaftLog(restored, options.logCacheBytesMax);
    const base = { index: snapshot.configurationIndex, configuration: snapshot.configuration };
    this.membership = new Membership(base, configurations);
    this.persistence = new Persistence(hard);
    this.timer = new ElectionTimer(options);
    assert(hard.term >= this.log.lastTerm, "the term of an entry is never durable before the term itself");
    this.#term = hard.term;
    this.#vote = hard.vote;
    // The commit index rides along with orders whose tail a crash may have cut off.
    this.#commit = Math.max(snapshot.index, Math.min(hard.commit, restored.lastIndex));
    this.#applied = snapshot.index;
    this.#verified = this.#commit;
    this.#measureApply();
  }

  get role(): Role {
    return this.#role;
  }

  get term(): Term {
    return this.#term;
  }

  get vote(): ReplicaId {
    return this.#vote;
  }

  get leader(): ReplicaId {
    return this.#leader;
  }

  get commit(): Index {
    return this.#commit;
  }

  get applied(): Index {
    return this.#applied;
  }

  /** The largest index at which this log is known to equal that of the leader of this term. */
  get verified(): Index {
    return this.#verified;
  }

  /** Too much is committed and not applied: acknowledging or leading would only add to it. */
  get applyLags(): boolean {
    return this.#applyLags;
  }

  /** Own orders have been on their way to the disk for longer than two election timeouts. */
  get diskStalled(): boolean {
    const since = this.persistence.pendingSinceTick;
    return since !== undefined && this.ticks - since > 2 * this.options.electionTicks;
  }

  /**
   * Where leases are in use: before a restart this replica may have let a leader believe that it elects nobody else for an election
   * timeout.
   */
  get mayHavePromised(): boolean {
    const { leaseMs = 0, electionTicks } = this.options;
    return leaseMs > 0 && this.ticks < electionTicks && this.#term > 0;
  }

  /** May campaign: a voter of the configuration in force, whole, able to do its work, and not told to leave it to others. */
  get promotable(): boolean {
    const eligible = this.membership.isVoter(this.id) || this.#neededDespiteRemoval;
    const able = this.installing === undefined && !this.#applyLags && !this.diskStalled;
    return eligible && able && !this.standsAside;
  }

  /** The host wants others to lead, and there are others. */
  get standsAside(): boolean {
    return this.#standsAside && !this.membership.isOnlyVoter(this.id);
  }

  /** A campaign under way ends; a vote that was given to itself stays given. */
  standAside(on: boolean): void {
    this.#standsAside = on;
    const campaigns = this.#role === "pre-candidate" || this.#role === "candidate";
    if (campaigns && this.standsAside) this.becomeFollower(this.#term, 0);
  }

  /**
   * A replica whose removal is in its log, but not known to be committed, keeps quiet. Unless others asked for its vote and
   * it had to refuse, because its log is longer: they may be unable to elect anybody else, and the group would be stuck
   * without it for ever (thesis 4.2.2; say voters 1 are replaced by 2, and only 1 holds the entry that ends the joint
   * configuration).
   */
  get #neededDespiteRemoval(): boolean {
    return this.#refusedShorterLog && isVoterOf(this.membership.at(this.#commit).configuration, this.id);
  }

  becomeFollower(term: Term, leader: ReplicaId): void {
    if (term !== this.#term) this.#enterTerm(term);
    this.#role = "follower";
    this.#leader = leader;
    this.timer.restart();
  }

  /** Changes neither term nor vote (thesis 9.6). */
  becomePreCandidate(): void {
    assert(this.#role !== "leader", "a leader does not campaign");
    this.#role = "pre-candidate";
    this.#leader = 0;
    this.timer.campaigned();
  }

  becomeCandidate(): void {
    assert(this.#role !== "leader", "a leader does not campaign");
    this.#enterTerm(this.#term + 1);
    this.#vote = this.id;
    this.#role = "candidate";
    this.#leader = 0;
    this.timer.campaigned();
  }

  becomeLeader(): void {
    assert(this.#role === "candidate", "only a candidate becomes leader");
    this.#role = "leader";
    this.#leader = this.id;
    this.timer.heard();
  }

  /** The leader of this term speaks. */
  heardLeader(leader: ReplicaId): void {
    if (this.#role !== "follower") this.becomeFollower(this.#term, leader);
    assert(this.#leader === 0 || this.#leader === leader, "one leader in a term");
    this.#leader = leader;
    this.#refusedShorterLog = false;
    this.timer.heard();
  }

  refusedShorterLog(): void {
    this.#refusedShorterLog = true;
  }

  /** Nothing was heard of the leader for a whole timeout. */
  loseLeader(): void {
    this.#leader = 0;
  }

  /** The vote is cleared by a new term and by nothing else. */
  voteFor(candidate: ReplicaId): void {
    assert(this.#vote === 0 || this.#vote === candidate, "one vote in a term");
    this.#vote = candidate;
    this.timer.restart();
  }

  append(entry: Entry): void {
    assert(entry.term <= this.#term, "no entry is ahead of the term");
    this.log.append(entry);
    if (entry.kind === EntryKind.config) this.membership.append(entry.index, decodeConfiguration(entry.data));
  }

  truncate(from: Index): void {
    assert(from > this.#commit, "committed entries are never dropped");
    assert(from > this.#verified, "a leader never contradicts itself");
    this.log.truncate(from);
    this.membership.truncate(from);
  }

  verify(index: Index): void {
    if (index > this.#verified) this.#verified = index;
  }

  commitTo(index: Index): void {
    if (index <= this.#commit) return;
    assert(index <= this.log.lastIndex, "a committed entry is missing: this replica lost acknowledged entries");
    this.#commit = index;
    this.#measureApply();
  }

  appliedTo(index: Index): void {
    if (index <= this.#applied) return;
    assert(index <= this.#commit && index <= this.log.durable, "only what is committed and durable is applied");
    this.#applied = index;
    this.#measureApply();
  }

  /** The host carried out `installing`. */
  installed(snapshot: SnapshotMeta): void {
    assert(this.installing?.index === snapshot.index, "only the snapshot that was asked for is installed");
    assert(this.#commit <= snapshot.index, "a snapshot never takes back what is committed");
    this.installing = undefined;
    this.log.reset(snapshot);
    this.membership.reset({ index: snapshot.configurationIndex, configuration: snapshot.configuration });
    this.#commit = snapshot.index;
    this.#applied = snapshot.index;
    this.verify(snapshot.index);
    this.#measureApply();
  }

  #enterTerm(term: Term): void {
    assert(term > this.#term, "terms only grow");
    this.#term = term;
    this.#vote = 0;
    this.#verified = this.#commit;
  }

  #measureApply(): void {
    const lag = this.#commit - this.#applied;
    const bound = this.#applyLags ? raftLimits.unappliedEntriesResume : raftLimits.unappliedEntriesMax;
    this.#applyLags = lag > bound;
  }
}
