/**
 * The consensus core: Raft as a pure function of messages, ticks and disk completions. Imports only `base`. Promises: what
 * `Ready.commitTo` announced is on a majority's disks and never changes.
 */
export { decodeConfiguration, encodeConfiguration } from "./configuration-codec.js";
export type { ConfigurationChange, Consensus, PeerStatus, Proposal, Refusal, Status } from "./consensus.js";
export type {
  AppendReply,
  AppendRequest,
  Heartbeat,
  HeartbeatReply,
  Message,
  SnapshotRequest,
  TimeoutNow,
  VoteReply,
  VoteRequest,
} from "./messages.js";
export { defaultRaftOptions, type RaftOptions } from "./options.js";
export { RaftCore } from "./raft.js";
export type {
  FetchOrder,
  LeadershipState,
  PersistOrder,
  ReadGrant,
  Ready,
  RestoredState,
  SnapshotOrder,
} from "./ready.js";
export {
  type Configuration,
  type Entry,
  EntryKind,
  type HardState,
  type Index,
  type ReplicaId,
  type Role,
  type SnapshotMeta,
  type Term,
} from "./types.js";
