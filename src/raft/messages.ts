import type { Entry, Index, ReplicaId, SnapshotMeta, Term } from "./types.js";

interface Envelope {
  readonly from: ReplicaId;
  readonly to: ReplicaId;
  /** The sender's term; for pre-vote requests and their grants the term asked for. */
  readonly term: Term;
}

/** Asks for a vote (thesis 3.4), or with `pre` whether one would be given (thesis 9.6). */
export interface VoteRequest extends Envelope {
  readonly type: "vote-request";
  readonly pre: boolean;
  readonly lastIndex: Index;
  readonly lastTerm: Term;
  /** Set by the target of a leadership transfer: leader stickiness does not apply. */
  readonly transfer: boolean;
}

export interface VoteReply extends Envelope {
  readonly type: "vote-reply";
  readonly pre: boolean;
  readonly granted: boolean;
}

export interface AppendRequest extends Envelope {
  readonly type: "append-request";
  readonly prevIndex: Index;
  readonly prevTerm: Term;
  readonly commit: Index;
  readonly entries: readonly Entry[];
}

/** `index`: on success the largest index verified in this term and durable here; on refusal the refused prevIndex. */
export interface AppendReply extends Envelope {
  readonly type: "append-reply";
  readonly refused: boolean;
  readonly index: Index;
  /** On refusal, the fast-backtracking hint of raft.md section 3. */
  readonly hintIndex: Index;
  readonly hintTerm: Term;
}

/** `commit` is min(match of the receiver, commit); `context` numbers ReadIndex rounds, 0 when there is none. */
export interface Heartbeat extends Envelope {
  readonly type: "heartbeat";
  readonly commit: Index;
  readonly context: number;
}

export interface HeartbeatReply extends Envelope {
  readonly type: "heartbeat-reply";
  readonly context: number;
}

/** Announces a snapshot; its data travels outside the core, from the host of `from` (or of any up-to-date replica). */
export interface SnapshotRequest extends Envelope {
  readonly type: "snapshot-request";
  readonly snapshot: SnapshotMeta;
}

/** Tells the target of a leadership transfer to campaign at once. */
export interface TimeoutNow extends Envelope {
  readonly type: "timeout-now";
}

export type Message =
  VoteRequest | VoteReply | AppendRequest | AppendReply | Heartbeat | HeartbeatReply | SnapshotRequest | TimeoutNow;
