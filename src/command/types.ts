import type {
  ClaimId,
  ClaimView,
  DeleteOutcome,
  MessageBatch,
  MessageId,
  MessagePage,
  NewClaim,
  PostedMessages,
  QueueEntry,
  QueueStats,
  StoredMessage,
} from "../contract/index.js";

/**
 * Makes a retry safe (after RIFL, SOSP 2015, and section 6.3 of the Raft thesis): a partition keeps the result of every command of a session
 * whose sequence is at or above the session's low-water mark, and answers a repeat from memory.
 */
export interface CommandHeader {
  /** Random, 53 bits, drawn once per gateway process and partition. */
  readonly session: number;
  /** Ascends by one per command of the session, from 1. */
  readonly sequence: number;
  /** Every command of the session with a smaller sequence has been answered: its result may be forgotten. */
  readonly lowWater: number;
}

interface OnQueue {
  readonly project: string;
  readonly queue: string;
}

/** Goes through the log. */
export type Command = OnQueue &
  (
    | { readonly op: "create-queue" }
    | { readonly op: "delete-queue" }
    | { readonly op: "set-metadata"; readonly metadata: Uint8Array }
    | { readonly op: "post"; readonly clientId: Uint8Array; readonly batch: MessageBatch }
    | { readonly op: "delete-message"; readonly id: MessageId; readonly claim: ClaimId | undefined }
    | { readonly op: "delete-messages"; readonly ids: readonly MessageId[] }
    | { readonly op: "claim"; readonly ttlSec: number; readonly graceSec: number; readonly limit: number }
    | { readonly op: "renew-claim"; readonly claim: ClaimId; readonly ttlSec: number; readonly graceSec: number }
    | { readonly op: "release-claim"; readonly claim: ClaimId }
  );

/** Answered by the leader after a ReadIndex round, outside the log. `queue` is "" where it has no meaning. */
export type Query = OnQueue &
  (
    | { readonly op: "get-queue" }
    | { readonly op: "list-queues"; readonly marker: string; readonly limit: number; readonly detailed: boolean }
    | { readonly op: "queue-stats" }
    | {
        readonly op: "list-messages";
        readonly afterSequence: number;
        readonly limit: number;
        readonly includeClaimed: boolean;
        readonly withoutClient: Uint8Array | undefined;
      }
    | { readonly op: "get-messages"; readonly ids: readonly MessageId[] }
    | { readonly op: "get-claim"; readonly claim: ClaimId }
  );

/** What each operation answers. */
export interface Results {
  "create-queue": { readonly created: boolean };
  "delete-queue": true;
  /** False: no such queue. */
  "set-metadata": boolean;
  /** Undefined: no such queue. */
  post: PostedMessages | undefined;
  "delete-message": DeleteOutcome;
  "delete-messages": true;
  claim: NewClaim | undefined;
  "renew-claim": boolean;
  "release-claim": true;
  /** The metadata; undefined: no such queue. */
  "get-queue": Uint8Array | undefined;
  "list-queues": readonly QueueEntry[];
  "queue-stats": QueueStats | undefined;
  "list-messages": MessagePage;
  "get-messages": readonly StoredMessage[];
  "get-claim": ClaimView | undefined;
}

export type Operation = keyof Results;
