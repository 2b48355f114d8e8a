import type { ClaimId, MessageId } from "./ids.js";

/** New messages in the encoding of the log (`src/command/message-batch.ts`): made once at the gateway, the same bytes everywhere. */
export interface MessageBatch {
  readonly count: number;
  readonly bytes: Uint8Array;
}

/** A message as a client sees it. `body` is the JSON text that was posted, byte for byte. */
export interface StoredMessage {
  readonly id: MessageId;
  readonly ttlSec: number;
  readonly ageSec: number;
  /** The live claim that holds it. */
  readonly claim: ClaimId | undefined;
  readonly body: Uint8Array;
}

/** Ids run from (incarnation, firstSequence) to (incarnation, firstSequence + count - 1), in request order. */
export interface PostedMessages {
  readonly incarnation: number;
  readonly firstSequence: number;
  readonly count: number;
}

export interface MessagePage {
  readonly messages: readonly StoredMessage[];
  /** The sequence after which the next page begins; undefined for a missing queue. */
  readonly nextMarker: number | undefined;
}

export interface ListMessagesOptions {
  /** Only messages with a greater sequence; 0 for all. */
  readonly afterSequence: number;
  readonly limit: number;
  readonly includeClaimed: boolean;
  /** 16 bytes; messages posted by this client are left out. Undefined: echo. */
  readonly withoutClient: Uint8Array | undefined;
}

export interface ClaimOptions {
  readonly ttlSec: number;
  readonly graceSec: number;
  readonly limit: number;
}

export interface NewClaim {
  readonly id: ClaimId;
  readonly messages: readonly StoredMessage[];
}

export interface ClaimView {
  readonly ttlSec: number;
  readonly ageSec: number;
  readonly messages: readonly StoredMessage[];
}

export interface MessageMark {
  readonly id: MessageId;
  readonly ageSec: number;
  /** Milliseconds since 1970. */
  readonly createdMs: number;
}

export interface QueueStats {
  readonly total: number;
  readonly claimed: number;
  readonly oldest: MessageMark | undefined;
  readonly newest: MessageMark | undefined;
}

export interface QueueEntry {
  readonly name: string;
  /** JSON text; present when asked for. */
  readonly metadata: Uint8Array | undefined;
}

/**
 * `deleted`: gone now, or was gone before. `claimed`: a live claim holds it and another or no claim was named.
 * `not-claimed`: a claim was named but the message is free. `claim-gone`: the named claim is not alive.
 */
export type DeleteOutcome = "deleted" | "claimed" | "not-claimed" | "claim-gone";

/**
 * What the gateway asks of a cluster; implemented by the router to partition leaders. `project` is "" for the nameless
 * tenant. Every method rejects with MarconiError only. A write is retried inside under one request id, so it happens once.
 */
export interface QueueService {
  /** True when the queue was made, false when it existed. */
  createQueue(project: string, queue: string): Promise<boolean>;
  queueExists(project: string, queue: string): Promise<boolean>;
  deleteQueue(project: string, queue: string): Promise<void>;
  /** JSON text of an object; undefined for a missing queue. */
  getMetadata(project: string, queue: string): Promise<Uint8Array | undefined>;
  /** Replaces the metadata; false for a missing queue. */
  setMetadata(project: string, queue: string, metadata: Uint8Array): Promise<boolean>;
  /** By name in byte order, names greater than `marker` ("" for all). */
  listQueues(project: string, marker: string, limit: number, detailed: boolean): Promise<QueueEntry[]>;
  queueStats(project: string, queue: string): Promise<QueueStats | undefined>;
  /** Undefined for a missing queue. `clientId` is 16 bytes. */
  postMessages(
    project: string,
    queue: string,
    clientId: Uint8Array,
    batch: MessageBatch,
  ): Promise<PostedMessages | undefined>;
  listMessages(project: string, queue: string, options: ListMessagesOptions): Promise<MessagePage>;
  /** Those that exist, in the order asked for. */
  getMessages(project: string, queue: string, ids: readonly MessageId[]): Promise<StoredMessage[]>;
  deleteMessage(project: string, queue: string, id: MessageId, claim: ClaimId | undefined): Promise<DeleteOutcome>;
  /** Deletes whether claimed or not; unknown ids are ignored. */
  deleteMessages(project: string, queue: string, ids: readonly MessageId[]): Promise<void>;
  /** Undefined when nothing could be claimed. */
  createClaim(project: string, queue: string, options: ClaimOptions): Promise<NewClaim | undefined>;
  getClaim(project: string, queue: string, claim: ClaimId): Promise<ClaimView | undefined>;
  /** False when the claim is not alive. */
  renewClaim(project: string, queue: string, claim: ClaimId, ttlSec: number, graceSec: number): Promise<boolean>;
  releaseClaim(project: string, queue: string, claim: ClaimId): Promise<void>;
  /** True while every partition has a known leader: requests can be served. */
  healthy(): boolean;
}
