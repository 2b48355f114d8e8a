/**
 * Between storage nodes: the encoding of Raft messages, and one gRPC stream per pair of nodes. Imports base, raft (types and
 * codec of configurations), the generated code and telemetry. Promises: only nodes of the same cluster with the disk they
 * had before are heard; what waits for a slow peer is bounded.
 */
export { GrpcPeers, type GrpcPeersOptions } from "./grpc-peers.js";
export type { IdentityRules, PeerIdentity, Standing } from "./identity-check.js";
export { MessageFrame } from "./message-frame.js";
export { type GroupMessage, readMessage, readMessages, writeMessage } from "./message-codec.js";
export type { NodeId, PeerHandlers, PeerNetwork, SnapshotPart, SnapshotPartKind } from "./network.js";
export { splitAddress } from "./process-probe.js";
