/** The vocabulary of the core. All numbers are safe integers; an index or term of 0 means "none". */
export type Index = number;
export type Term = number;
/** One incarnation of one replica of a group: unique in the group for ever; 0 means "none". A replica that lost its disk comes back under a new id. */
export type ReplicaId = number;

/** `normal` carries commands, `empty` opens a term (raft.md section 2, "First entry"), `config` changes the membership. */
export const EntryKind = { normal: 0, empty: 1, config: 2 } as const;
export type EntryKind = (typeof EntryKind)[keyof typeof EntryKind];

/** One entry is a batch of commands; the core never looks into `data`. Immutable once made. */
export interface Entry {
  readonly index: Index;
  readonly term: Term;
  readonly kind: EntryKind;
  readonly data: Uint8Array;
}

/** What must survive a restart besides the log. `commit` rides along and never forces a flush. */
export interface HardState {
  readonly term: Term;
  readonly vote: ReplicaId;
  readonly commit: Index;
}

/** A membership. While `outgoing` is not empty the group is in joint consensus and every decision needs a majority of both halves. */
export interface Configuration {
  readonly voters: readonly ReplicaId[];
  readonly outgoing: readonly ReplicaId[];
  readonly learners: readonly ReplicaId[];
  /**
   * Which decision of whoever plans memberships made it; absent for 0, the founding one. It never falls, so that a leader which has
   * not heard of a later decision cannot go back on it.
   */
  readonly generation?: number;
}

/** The state a log starts from: everything up to and including `index` is in the checkpoint. */
export interface SnapshotMeta {
  readonly index: Index;
  readonly term: Term;
  readonly configuration: Configuration;
  /** Index of the entry that made `configuration`; 0 for the bootstrap one. */
  readonly configurationIndex: Index;
}

export type Role = "follower" | "pre-candidate" | "candidate" | "leader";
