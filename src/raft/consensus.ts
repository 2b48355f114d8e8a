import type { Message } from "./messages.js";
import type { FetchOrder, Ready } from "./ready.js";
import type { Configuration, Entry, Index, ReplicaId, Role, SnapshotMeta, Term } from "./types.js";

export type Refusal =
  /** Not the leader, or not of the term the caller saw. Nothing was appended. */
  | "not-leader"
  /** Leadership is being handed over. Nothing was appended. */
  | "transferring"
  /** `uncommittedBytesMax` is reached. Nothing was appended. */
  | "overloaded"
  /** A precondition of raft.md section 5 does not hold. Nothing was appended. */
  | "precondition";

export type Proposal = { readonly index: Index; readonly refused?: undefined } | { readonly refused: Refusal };

export interface ConfigurationChange {
  readonly voters: readonly ReplicaId[];
  readonly learners: readonly ReplicaId[];
  /** See Configuration; refused when it is below that in force, which is also the default. */
  readonly generation?: number;
  /** The change is refused unless the configuration in force was made at this index: makes retries idempotent. */
  readonly expectedConfigurationIndex: Index;
}

export interface PeerStatus {
  readonly id: ReplicaId;
  readonly match: Index;
  readonly state: "probe" | "replicate" | "snapshot";
  /** Something was heard of it within one to two election timeouts. */
  readonly recentlyActive: boolean;
  /**
   * It answers, and little of the log is missing there (`caughtUpBytesMax` of payload), for two heartbeat intervals on end: as a
   * voter it would hold nobody up. What a learner must have been before it is promoted (raft.md section 5).
   */
  readonly caughtUp: boolean;
  readonly learner: boolean;
}

export interface Status {
  readonly id: ReplicaId;
  readonly role: Role;
  readonly term: Term;
  readonly vote: ReplicaId;
  readonly leader: ReplicaId;
  readonly firstIndex: Index;
  readonly lastIndex: Index;
  readonly commit: Index;
  readonly applied: Index;
  readonly durable: Index;
  readonly configuration: Configuration;
  readonly configurationIndex: Index;
  /** Leader only: the first entry of its own term is committed and applied, so it may serve. */
  readonly established: boolean;
  readonly uncommittedBytes: number;
  /** Leader only, else empty. */
  readonly peers: readonly PeerStatus[];
}

/**
 * One replica of one group as a pure state machine: inputs are method calls, outputs are drained with `ready`. It does no
 * I/O, reads no clock and awaits nothing. Implemented by RaftCore; the host (`src/node`) and the simulator drive it.
 */
export interface Consensus {
  /** One tick (50 ms by default) has passed. `nowMs`: the host's monotonic clock, for leases only. */
  tick(nowMs?: number): void;
  /** A message addressed to this replica, from an authenticated peer. A SnapshotRequest is stepped only when its data has been received whole. */
  step(message: Message): void;
  /** Appends one entry if this is the leader of `term`. The entry is committed when `Ready.commitTo` reaches its index in the same term. */
  propose(data: Uint8Array, term: Term): Proposal;
  /** Starts a membership change through joint consensus; leaves the joint configuration by itself. */
  proposeConfiguration(change: ConfigurationChange): Proposal;
  /** Asks for a linearizable read point; answered by a ReadGrant with the same context, a fresh positive integer per call. */
  readIndex(context: number): void;
  /** Until when, on the clock of `tick`, this leader may answer reads alone; 0: it may not. To be looked at after the value was read. */
  readonly leaseUntilMs: number;
  /** Hands leadership to a voter, which campaigns at once when it has the whole log. False when refused (raft.md section 2). */
  transferLeadership(to: ReplicaId): boolean;
  /**
   * While on, this replica leaves leading to others: it does not campaign, not even when a leader asks for it, and votes and
   * follows as ever. It leads all the same if nobody else has a vote. If it leads already, the host hands over. When all voters of a
   * group stand aside, nobody is elected: the host must see to it that a majority does not. Not remembered over a restart.
   */
  standAside(on: boolean): void;
  /** The persist order `sequence`, and every earlier one, is durable. */
  persisted(sequence: number): void;
  /** The state machine has taken every entry up to `index`. */
  applied(index: Index): void;
  /** Answers a FetchOrder; an empty list when the entries are gone from the log (the peer then gets a snapshot). */
  entriesFetched(order: FetchOrder, entries: readonly Entry[]): void;
  /** Answers a SnapshotOrder: the snapshot at `index` reached `to` and was handed to its core, or not. */
  snapshotSent(to: ReplicaId, ok: boolean, index: Index): void;
  /** `Ready.install` was carried out durably. */
  snapshotInstalled(snapshot: SnapshotMeta): void;
  /** The log up to `snapshot.index` is covered by a local checkpoint and may be forgotten. */
  compacted(snapshot: SnapshotMeta): void;
  /** Transport proof that the process of this replica is gone: if it leads, campaign soon. */
  peerDown(id: ReplicaId): void;
  /** Messages to this replica were dropped: fall back to probing. */
  unreachable(id: ReplicaId): void;
  /** True when `ready` would return something. */
  hasReady(): boolean;
  /**
   * The messages that wait, if they are all there is to do and nothing keeps them from leaving; none if nothing is to be done at all.
   * Undefined, and nothing taken, when there is more: then `ready` has the whole. Spares the exchange of heartbeats, which is all
   * that most replicas ever do, the making of a Ready.
   */
  takeMessages(): readonly Message[] | undefined;
  /** Drains what there is to do; undefined when nothing. */
  ready(): Ready | undefined;
  /** Entries [low, high) while they are in memory, at most `bytesMax` payload bytes but at least one; undefined when they left memory. */
  entries(low: Index, high: Index, bytesMax: number): readonly Entry[] | undefined;
  /** Term of the entry at `index`; undefined outside [firstIndex - 1, lastIndex]. */
  term(index: Index): Term | undefined;
  /** The configuration in force at `index` (that of a checkpoint taken there), with the index of the entry that made it. */
  configurationAt(index: Index): { readonly configuration: Configuration; readonly index: Index };
  status(): Status;
}
