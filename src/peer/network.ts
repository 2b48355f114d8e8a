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

/** What the host of a network hears. Calls never overlap, unless the host changes the peers while it is called. */
export interface PeerHandlers {
  /** Raft messages of many groups from an authenticated node: see readMessages. */
  messages(from: NodeId, bytes: Uint8Array): void;
  snapshotPart(from: NodeId, part: SnapshotPart): void;
  /** News about the cluster itself, in the encoding of src/node. Throws DecodeError, before anything is done, for what does not follow it. */
  control(from: NodeId, bytes: Uint8Array): void;
  /** A stream to `node` stands. */
  connected(node: NodeId): void;
  /**
   * The stream is gone. `processGone`: nothing listens at its address any more, so the process itself is gone; told at most once
   * for a stream that was lost, a while after its end was told.
   */
  disconnected(node: NodeId, processGone: boolean): void;
}

/** The streams to all peers. Delivery is at most once and in order per peer; whatever cannot be sent is dropped, as Raft expects. */
export interface PeerNetwork {
  /** One frame that MessageFrame made. False when it was dropped: no stream, or its buffer is full. */
  send(to: NodeId, frame: Buffer): boolean;
  sendSnapshotPart(to: NodeId, part: SnapshotPart): boolean;
  /** News about the cluster itself, as `PeerHandlers.control` takes it. */
  sendControl(to: NodeId, bytes: Uint8Array): boolean;
  isConnected(node: NodeId): boolean;
  close(): Promise<void>;
}
