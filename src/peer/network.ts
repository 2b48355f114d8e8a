/** A node's name in the cluster map. */
export type NodeId = string;

/** Their places are numbers of the wire. */
export const snapshotPartKinds = [
  "rows",
  "offer",
  "end",
  "stored",
  "accepted",
  "refused",
  "delegate",
  "delegated",
] as const;
export type SnapshotPartKind = (typeof snapshotPartKinds)[number];

/** A part of a snapshot on its way, or what is said about the transfer (proto: SnapshotChunk). */
export interface SnapshotPart {
  readonly group: number;
  readonly transfer: number;
  readonly kind: SnapshotPartKind;
  readonly number: number;
  readonly rows: Uint8Array;
  readonly detail: Uint8Array;
}

/** What the host of a network hears. Calls never overlap. */
export interface PeerHandlers {
  /** Raft messages of many groups from an authenticated node: see readMessages. */
  messages(from: NodeId, bytes: Uint8Array): void;
  snapshotPart(from: NodeId, part: SnapshotPart): void;
  /** A stream to `node` stands. */
  connected?(node: NodeId): void;
  /** The stream is gone. `processGone`: nothing listens at its address any more, so the process itself is gone. */
  disconnected(node: NodeId, processGone: boolean): void;
}

/** The streams to all peers. Delivery is at most once and in order per peer; whatever cannot be sent is dropped, as Raft expects. */
export interface PeerNetwork {
  /** One frame that MessageFrame made. False when it was dropped: no stream, or its buffer is full. */
  send(to: NodeId, frame: Buffer): boolean;
  sendSnapshotPart(to: NodeId, part: SnapshotPart): boolean;
  isConnected(node: NodeId): boolean;
  close(): Promise<void>;
}
