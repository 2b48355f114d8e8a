import { ByteReader, DecodeError } from "../base/index.js";
import { messageHeaderBytes } from "./message-batch.js";
import { clientIdBytes, commandLimits } from "./limits.js";
import { commandOperation } from "./operations.js";
import { decodeQuery } from "./query-codec.js";
import type { Command } from "./types.js";

/**
 * Whether a replica can apply these bytes: asked at the door of the node, before they are proposed, because the machine
 * answers malformed bytes in the log by stopping. Costs one pass over the lengths: linear in the messages, not their bytes.
 */
export function validateCommand(bytes: Uint8Array): boolean {
  return withoutDecodeError(() => {
    const reader = new ByteReader(bytes);
    const op = commandOperation(reader.u8());
    if (op === undefined || !validHeader(reader) || !validAddress(reader) || !validBody(op, reader)) return false;
    reader.finish();
    return true;
  });
}

/** Whether the machine can answer these bytes. */
export function validateQuery(bytes: Uint8Array): boolean {
  return withoutDecodeError(() => {
    const query = decodeQuery(bytes);
    switch (query.op) {
      case "list-queues":
      case "list-messages":
        return query.limit >= 1 && query.limit <= commandLimits.itemsMax;
      case "get-messages":
        return query.ids.length <= commandLimits.itemsMax;
      case "get-queue":
      case "queue-stats":
      case "get-claim":
        return true;
    }
  });
}

function withoutDecodeError(check: () => boolean): boolean {
  try {
    return check();
  } catch (error) {
    if (error instanceof DecodeError) return false;
    throw error;
  }
}

function validHeader(reader: ByteReader): boolean {
  reader.u64();
  const sequence = reader.u64();
  const lowWater = reader.u64();
  return lowWater >= 1 && lowWater <= sequence;
}

function validAddress(reader: ByteReader): boolean {
  const projectBytes = reader.u16();
  reader.skip(projectBytes);
  const queueBytes = reader.u16();
  reader.skip(queueBytes);
  return projectBytes <= commandLimits.projectBytesMax && queueBytes >= 1 && queueBytes <= commandLimits.queueBytesMax;
}

function validBody(op: Command["op"], reader: ByteReader): boolean {
  switch (op) {
    case "create-queue":
    case "delete-queue":
      return true;
    case "set-metadata":
      return reader.bytes32().length <= commandLimits.metadataBytesMax;
    case "post":
      return validPost(reader);
    case "delete-message":
      if (!validMessageId(reader)) return false;
      return reader.u8() === 0 || validClaimId(reader);
    case "delete-messages": {
      const count = reader.u16();
      if (count > commandLimits.itemsMax) return false;
      for (let i = 0; i < count; i++) if (!validMessageId(reader)) return false;
      return true;
    }
    case "claim":
      return validClaimTerms(reader) && validLimit(reader.u16());
    case "renew-claim":
      return validClaimId(reader) && validClaimTerms(reader);
    case "release-claim":
      return validClaimId(reader);
  }
}

function validPost(reader: ByteReader): boolean {
  reader.skip(clientIdBytes);
  const count = reader.u32();
  const batchBytes = reader.u32();
  if (count < 1 || batchBytes > commandLimits.batchBytesMax || batchBytes > reader.remaining) return false;
  if (count * messageHeaderBytes > batchBytes) return false;
  const end = reader.position + batchBytes;
  for (let i = 0; i < count; i++) {
    if (!validTtl(reader.u32())) return false;
    reader.skip(reader.u32());
  }
  return reader.position === end;
}

function validLimit(limit: number): boolean {
  return limit >= 1 && limit <= commandLimits.itemsMax;
}

/** A grace of zero is what a renewal without one means. */
function validClaimTerms(reader: ByteReader): boolean {
  return validTtl(reader.u32()) && reader.u32() <= commandLimits.secondsMax;
}

function validTtl(ttlSec: number): boolean {
  return ttlSec >= 1 && ttlSec <= commandLimits.secondsMax;
}

function validMessageId(reader: ByteReader): boolean {
  return reader.u64() <= commandLimits.idMax && reader.u64() <= commandLimits.idMax;
}

function validClaimId(reader: ByteReader): boolean {
  const index = reader.u64();
  reader.u32();
  return index <= commandLimits.idMax;
}
