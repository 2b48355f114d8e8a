import type { Message } from "./messages.js";
import type { Configuration, Entry, HardState, Index, ReplicaId, Role, SnapshotMeta, Term } from "./types.js";

/**
 * An order to the log, to be written in `sequence` order. It is durable when its fdatasync returned; the host then
 * reports it with `persisted(sequence)`.
 */
export interface PersistOrder {
  /** Strictly increasing per group. */
  readonly sequence: number;
  /** Present when term or vote changed, or when commit should ride along. */
  readonly hard: HardState | undefined;
  /** Drop everything at and after this index before appending. */
  readonly truncateFrom: Index | undefined;
  readonly entries: readonly Entry[];
  /**
   * False when nothing in this order must reach the disk for safety (only `commit` moved): the host need not flush for it.
   * RaftCore issues no such order: a moved commit index waits for the next order that has something to flush.
   */
  readonly mustSync: boolean;
}

/** A read confirmed by ReadIndex: serve it once the state machine has applied `index`. `index` 0 means: refused, ask again elsewhere. */
export interface ReadGrant {
  readonly context: number;
  readonly index: Index;
}

/** Entries that `to` needs and that are no longer in the core's memory: read [low, high) from the log and answer with `entriesFetched`. */
export interface FetchOrder {
  readonly to: ReplicaId;
  readonly low: Index;
  readonly high: Index;
  readonly bytesMax: number;
}

/** `to` needs a snapshot: stream the newest checkpoint at or after `minimumIndex`, then report with `snapshotSent`. */
export interface SnapshotOrder {
  readonly to: ReplicaId;
  readonly minimumIndex: Index;
}

export interface LeadershipState {
  readonly role: Role;
  readonly term: Term;
  /** 0 when unknown. */
  readonly leader: ReplicaId;
}

/** Everything the host must do after one or more inputs. Drained once per event-loop turn. */
export interface Ready {
  readonly persist: PersistOrder | undefined;
  /** May leave before `persist` is durable. */
  readonly sendNow: readonly Message[];
  /**
   * Must wait until `persist` of this Ready, and every earlier one, is durable; without `persist` here, until the latest order
   * that was issued is (there is one that is not: otherwise the messages would be in `sendNow`). Every order that messages
   * wait for has `mustSync`.
   */
  readonly sendAfterPersist: readonly Message[];
  /** Apply up to here, in order; undefined when it did not move. Never beyond what is durable here. */
  readonly commitTo: Index | undefined;
  readonly reads: readonly ReadGrant[];
  readonly fetches: readonly FetchOrder[];
  readonly snapshots: readonly SnapshotOrder[];
  /** A fully received snapshot was accepted: replace the state by it, durably, then call `snapshotInstalled`. */
  readonly install: SnapshotMeta | undefined;
  /** Present when role, term or leader changed since the last Ready. */
  readonly leadership: LeadershipState | undefined;
  /** Present when the configuration in force changed. */
  readonly configuration: Configuration | undefined;
}

/** What the core starts from: read off the log by recovery. */
export interface RestoredState {
  readonly hard: HardState;
  readonly snapshot: SnapshotMeta;
  /** The term of every entry after the snapshot, as runs: each `{from, term}` holds up to the next run's `from` (or lastIndex). */
  readonly termRuns: readonly { readonly from: Index; readonly term: Term }[];
  readonly lastIndex: Index;
  /** Configuration entries after the snapshot, ascending. */
  readonly configurations: readonly { readonly index: Index; readonly configuration: Configuration }[];
}
