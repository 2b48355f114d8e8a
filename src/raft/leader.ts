import { assert } from "../base/index.js";
import { encodeConfiguration } from "./configuration-codec.js";
import type { ConfigurationChange, PeerStatus, Proposal, Refusal } from "./consensus.js";
import { Lease } from "./lease.js";
import { isValidMembership } from "./membership.js";
import type { AppendReply, HeartbeatReply } from "./messages.js";
import type { Progress } from "./progress.js";
import { quorumIndex } from "./quorum.js";
import { ReadRounds } from "./read-index.js";
import type { FetchOrder } from "./ready.js";
import { Replication } from "./replication.js";
import type { ReplicaState } from "./state.js";
import { Transfer } from "./transfer.js";
import { type Configuration, EntryKind, type Index, type ReplicaId, type Term } from "./types.js";
import { UncommittedBytes } from "./uncommitted.js";

const noData = new Uint8Array(0);

/** Everything that exists only while a replica leads, for one term. */
export class Leader {
  readonly #state: ReplicaState;
  readonly #replication: Replication;
  readonly #reads: ReadRounds;
  readonly #transfer: Transfer;
  readonly #lease: Lease | undefined;
  readonly #uncommitted: UncommittedBytes;
  /** Index of the entry that opened the term. Once it is committed, so is everything before it (section 5.4.2 of the paper). */
  readonly #termStart: Index;
  #quorumTicks = 0;
  readonly #matchOf = (id: ReplicaId): Index =>
    id === this.#state.id ? this.#state.log.durable : (this.#replication.peer(id)?.match ?? 0);
  readonly #readRoundOf = (id: ReplicaId): number =>
    id === this.#state.id ? this.#reads.lastRound : (this.#replication.peer(id)?.readRound ?? 0);
  readonly #activeOf = (id: ReplicaId): number =>
    id === this.#state.id || this.#replication.peer(id)?.recentlyActive === true ? 1 : 0;

  constructor(state: ReplicaState) {
    this.#state = state;
    this.#replication = new Replication(state);
    this.#reads = new ReadRounds(state.options.pendingReadsMax);
    this.#transfer = new Transfer(state);
    const { leaseMs = 0 } = state.options;
    this.#lease = leaseMs > 0 ? new Lease(leaseMs) : undefined;
    this.#termStart = state.log.lastIndex + 1;
    this.#uncommitted = new UncommittedBytes(this.#termStart, state.options.uncommittedBytesMax);
    this.#append(EntryKind.empty, noData);
  }

  get uncommittedBytes(): number {
    return this.#uncommitted.bytes;
  }

  /** The entry that opened the term is committed: this leader knows what is committed, and may read and change the membership. */
  get #ownTermCommitted(): boolean {
    return this.#state.commit >= this.#termStart;
  }

  get leaseUntilMs(): number {
    return this.established ? (this.#lease?.untilMs ?? 0) : 0;
  }

  get established(): boolean {
    return this.#state.applied >= this.#termStart;
  }

  // --- what the host asks for

  propose(data: Uint8Array, term: Term): Proposal {
    const refused = this.#refusal(term);
    if (refused !== undefined) return { refused };
    if (!this.#uncommitted.fits(data.length)) return { refused: "overloaded" };
    return { index: this.#append(EntryKind.normal, data) };
  }

  /** Enters joint consensus; `#leaveJoint` leaves it. Preconditions: raft.md section 5. */
  proposeConfiguration(change: ConfigurationChange): Proposal {
    const { membership, commit, term } = this.#state;
    const refused = this.#refusal(term);
    if (refused !== undefined) return { refused };
    const { voters, learners, expectedConfigurationIndex } = change;
    const { voters: outgoing, generation: previous = 0 } = membership.current;
    const { generation = previous } = change;
    const settled = this.#ownTermCommitted && membership.currentIndex <= commit && !membership.joint;
    const expected = expectedConfigurationIndex === membership.currentIndex;
    const late = generation < previous;
    if (!settled || !expected || late || !isValidMembership(voters, learners)) return { refused: "precondition" };
    return { index: this.#changeTo({ voters: [...voters], outgoing, learners: [...learners], generation }) };
  }

  readIndex(context: number): void {
    this.#reads.add(context, this.#state.outbox);
  }

  transferTo(to: ReplicaId): boolean {
    const peer = this.#replication.peer(to);
    if (peer === undefined || !this.#transfer.start(peer)) return false;
    this.#lease?.end();
    return true;
  }

  #refusal(term: Term): Refusal | undefined {
    if (term !== this.#state.term) return "not-leader";
    return this.#transfer.active ? "transferring" : undefined;
  }

  #append(kind: EntryKind, data: Uint8Array): Index {
    const { log, term } = this.#state;
    const index = log.lastIndex + 1;
    this.#state.append({ index, term, kind, data });
    this.#uncommitted.add(index, data.length);
    return index;
  }

  #changeTo(configuration: Configuration): Index {
    const { membership, commit } = this.#state;
    assert(membership.currentIndex <= commit, "one change of the configuration at a time");
    const index = this.#append(EntryKind.config, encodeConfiguration(configuration));
    this.#replication.configurationChanged();
    this.#advanceCommit();
    return index;
  }

  // --- what others answer

  appendReply(message: AppendReply): void {
    const peer = this.#hear(message.from);
    if (peer === undefined) return;
    if (!this.#replication.reply(message)) return;
    this.#transfer.advance(peer);
    this.#advanceCommit();
  }

  /** True when something may follow from it. Most come from peers that have everything, and only say so. */
  heartbeatReply({ from, context }: HeartbeatReply): boolean {
    const peer = this.#hear(from);
    if (peer === undefined) return false;
    const confirms = context > peer.readRound;
    if (confirms) peer.readRound = context;
    return this.#replication.heartbeatReply(peer) || confirms;
  }

  /** Messages of replicas outside the configuration weigh nothing. */
  #hear(from: ReplicaId): Progress | undefined {
    const peer = this.#replication.peer(from);
    if (peer === undefined) return undefined;
    peer.recentlyActive = true;
    peer.heard = true;
    return peer;
  }

  /** An own order became durable: only now does this replica count itself. */
  persisted(): void {
    this.#advanceCommit();
  }

  fetched(order: FetchOrder, entries: Parameters<Replication["fetched"]>[1]): void {
    this.#replication.fetched(order, entries);
  }

  snapshotSent(to: ReplicaId, ok: boolean, index: Index): void {
    this.#replication.snapshotSent(to, ok, index);
  }

  unreachable(id: ReplicaId): void {
    this.#replication.unreachable(id);
  }

  // --- commitment

  /** Only entries of the own term are committed by counting; older ones follow with them (Figure 8 of the paper). */
  #advanceCommit(): void {
    const { log, membership, term, commit } = this.#state;
    const index = quorumIndex(membership.current, this.#matchOf);
    if (index <= commit || log.term(index) !== term) return;
    this.#state.commitTo(index);
    this.#uncommitted.committed(index);
    this.#configurationCommitted();
  }

  #configurationCommitted(): void {
    const { membership, commit, id } = this.#state;
    if (membership.currentIndex > commit || !this.#ownTermCommitted) return;
    if (membership.joint) this.#leaveJoint();
    else if (!membership.isVoter(id)) this.#resign();
  }

  #leaveJoint(): void {
    if (this.#transfer.active) return;
    this.#changeTo({ ...this.#state.membership.current, outgoing: [] });
  }

  /** The configuration without this replica is committed: its work is done (section 6 of the paper). */
  #resign(): void {
    const { id, term, outbox, membership } = this.#state;
    let successor: Progress | undefined;
    for (const peer of this.#replication.peers)
      if (membership.isVoter(peer.id) && peer.match >= (successor?.match ?? 0)) successor = peer;
    if (successor !== undefined) outbox.now.push({ type: "timeout-now", from: id, to: successor.id, term });
    this.#state.becomeFollower(term, 0);
  }

  // --- time

  /** One tick; true when there was something to do. */
  tick(nowMs: number): boolean {
    const { options, ticks } = this.#state;
    // By the replica's count of ticks and not from the election on: what a host has started together then beats together.
    const beats = ticks % options.heartbeatTicks === 0;
    if (beats && this.#lease !== undefined && this.#ownTermCommitted) {
      this.#reads.begin(this.#state.commit);
      this.#lease.roundBegan(this.#reads.lastRound, nowMs);
    }
    if (beats) this.#heartbeats();
    const checks = ++this.#quorumTicks >= options.electionTicks;
    if (checks) {
      this.#quorumTicks = 0;
      if (!this.#checkQuorum()) {
        this.#state.becomeFollower(this.#state.term, 0);
        return true;
      }
    }
    const givesUp = this.#transfer.tick();
    if (givesUp) this.#configurationCommitted();
    return beats || checks || givesUp;
  }

  /** True while a quorum was heard within the last election timeout, and this replica can do a leader's work. */
  #checkQuorum(): boolean {
    const { id, membership, diskStalled, applyLags } = this.#state;
    const replaceable = membership.current.voters.some((voter) => voter !== id);
    if (replaceable && (diskStalled || applyLags)) return false;
    const active = quorumIndex(membership.current, this.#activeOf) >= 1;
    for (const peer of this.#replication.peers) peer.checked();
    return active;
  }

  /**
   * To those with whom no word was exchanged since the last heartbeats were due, and to those who have not confirmed the reads that
   * wait. A peer that only listens gets one: what was sent to it may be lost, and an answer is how that is found out.
   */
  #heartbeats(): void {
    const { context } = this.#reads;
    for (const peer of this.#replication.peers)
      if (!peer.endInterval(this.#replication.isClose(peer)) || context > peer.readRound)
        this.#heartbeat(peer, context);
  }

  #heartbeat(peer: Progress, context: number): void {
    const { id, term, commit, outbox } = this.#state;
    const known = Math.min(peer.match, commit);
    outbox.now.push({ type: "heartbeat", from: id, to: peer.id, term, commit: known, context });
  }

  // --- output

  emit(): void {
    this.#replication.emit();
    if (this.#reads.hasWaiting && this.#ownTermCommitted) {
      this.#reads.begin(this.#state.commit);
      for (const peer of this.#replication.peers) {
        this.#heartbeat(peer, this.#reads.context);
        peer.spokenTo = true;
      }
    }
    if (!this.#reads.hasRounds) return;
    const round = quorumIndex(this.#state.membership.current, this.#readRoundOf);
    this.#reads.confirm(round, this.#state.outbox);
    this.#lease?.confirmed(round);
  }

  /** The term of this leader is over. */
  end(): void {
    this.#reads.refuseAll(this.#state.outbox);
  }

  peers(): PeerStatus[] {
    const { membership } = this.#state;
    return this.#replication.peers.map(({ id, match, state, alive, caughtUp }) => {
      return { id, match, state, recentlyActive: alive, caughtUp, learner: membership.isLearner(id) };
    });
  }

  /** Checked by the core after every input. */
  check(): void {
    for (const { match, next } of this.#replication.peers)
      assert(match < next && match <= this.#state.log.lastIndex, "0 <= match < next, match <= last");
  }
}
