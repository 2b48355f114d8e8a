import { ByteReader, DecodeError } from "../base/index.js";
import type {
  ClaimView,
  DeleteOutcome,
  MessageMark,
  MessagePage,
  NewClaim,
  PostedMessages,
  QueueEntry,
  QueueStats,
  StoredMessage,
} from "../contract/index.js";
import { readClaimId, readMessageId } from "./command-codec.js";
import { deleteOutcomes, messageClaimed } from "./result-writers.js";
import type { Operation, Results } from "./types.js";

type Decoders = { readonly [O in Operation]: (reader: ByteReader) => Results[O] };

const decoders: Decoders = {
  "create-queue": (reader) => ({ created: readFlag(reader) }),
  "delete-queue": readTrue,
  "set-metadata": readFlag,
  post: readPosted,
  "delete-message": readDeleteOutcome,
  "delete-messages": readTrue,
  claim: readNewClaim,
  "renew-claim": readFlag,
  "release-claim": readTrue,
  "get-queue": (reader) => (readFlag(reader) ? reader.bytes32() : undefined),
  "list-queues": readQueues,
  "queue-stats": readStats,
  "list-messages": readPage,
  "get-messages": readMessages,
  "get-claim": readClaimView,
};

/**
 * The result of an operation, from what the machine wrote. Bodies and metadata alias `bytes`. Throws DecodeError for
 * anything else than a result of `op`.
 */
export function decodeResult<O extends Operation>(op: O, bytes: Uint8Array): Results[O] {
  const reader = new ByteReader(bytes);
  const result = decoders[op](reader);
  reader.finish();
  return result;
}

function readFlag(reader: ByteReader): boolean {
  const value = reader.u8();
  if (value > 1) throw new DecodeError(`not a flag: ${String(value)}`);
  return value === 1;
}

function readTrue(reader: ByteReader): true {
  if (!readFlag(reader)) throw new DecodeError("an operation that always succeeds reports a failure");
  return true;
}

function readPosted(reader: ByteReader): PostedMessages | undefined {
  if (!readFlag(reader)) return undefined;
  return { incarnation: reader.u64(), firstSequence: reader.u64(), count: reader.u32() };
}

function readDeleteOutcome(reader: ByteReader): DeleteOutcome {
  const outcome = deleteOutcomes[reader.u8()];
  if (outcome === undefined) throw new DecodeError("unknown outcome of a delete");
  return outcome;
}

function readNewClaim(reader: ByteReader): NewClaim | undefined {
  if (!readFlag(reader)) return undefined;
  return { id: readClaimId(reader), messages: readMessages(reader) };
}

function readClaimView(reader: ByteReader): ClaimView | undefined {
  if (!readFlag(reader)) return undefined;
  return { ttlSec: reader.u32(), ageSec: reader.u32(), messages: readMessages(reader) };
}

function readPage(reader: ByteReader): MessagePage {
  return { nextMarker: readFlag(reader) ? reader.u64() : undefined, messages: readMessages(reader) };
}

function readMessages(reader: ByteReader): StoredMessage[] {
  const messages: StoredMessage[] = [];
  for (let left = reader.u32(); left > 0; left--) messages.push(readMessage(reader));
  return messages;
}

function readMessage(reader: ByteReader): StoredMessage {
  const id = readMessageId(reader);
  const ttlSec = reader.u32();
  const ageSec = reader.u32();
  const claim = reader.u8() === messageClaimed ? readClaimId(reader) : undefined;
  return { id, ttlSec, ageSec, claim, body: reader.bytes32() };
}

function readQueues(reader: ByteReader): QueueEntry[] {
  const queues: QueueEntry[] = [];
  for (let left = reader.u32(); left > 0; left--) {
    queues.push({ name: reader.text16(), metadata: readFlag(reader) ? reader.bytes32() : undefined });
  }
  return queues;
}

function readStats(reader: ByteReader): QueueStats | undefined {
  if (!readFlag(reader)) return undefined;
  return { total: reader.u64(), claimed: reader.u64(), oldest: readMark(reader), newest: readMark(reader) };
}

function readMark(reader: ByteReader): MessageMark | undefined {
  if (!readFlag(reader)) return undefined;
  return { id: readMessageId(reader), ageSec: reader.u32(), createdMs: reader.u64() };
}
