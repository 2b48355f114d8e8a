import { type ByteReader, type ByteWriter } from "../base/index.js";
import type { ClaimId, MessageId } from "../contract/index.js";
import { opCodes } from "./operations.js";
import type { Command, CommandHeader } from "./types.js";

/**
 * Layout of a command, little endian:
 * `op u8 | session u64 | sequence u64 | lowWater u64 | project text16 | queue text16 |` and by operation
 * - set-metadata: `metadata bytes32`
 * - post: `clientId 16 | count u32 | batchLength u32 | batch`
 * - delete-message: `incarnation u64 | sequence u64 | named u8 [| claim]`
 * - delete-messages: `count u16 | (incarnation u64 | sequence u64)*`
 * - claim: `ttlSec u32 | graceSec u32 | limit u16`
 * - renew-claim: `claim | ttlSec u32 | graceSec u32`
 * - release-claim: `claim`
 * where a claim is `index u64 | ordinal u32`. Appends to `out`.
 */
export function encodeCommand(out: ByteWriter, header: CommandHeader, command: Command): void {
  out.u8(opCodes[command.op]);
  out.u64(header.session);
  out.u64(header.sequence);
  out.u64(header.lowWater);
  out.text16(command.project);
  out.text16(command.queue);
  switch (command.op) {
    case "create-queue":
    case "delete-queue":
      break;
    case "set-metadata":
      out.bytes32(command.metadata);
      break;
    case "post":
      out.raw(command.clientId);
      out.u32(command.batch.count);
      out.bytes32(command.batch.bytes);
      break;
    case "delete-message":
      writeMessageId(out, command.id);
      out.u8(command.claim === undefined ? 0 : 1);
      if (command.claim !== undefined) writeClaimId(out, command.claim);
      break;
    case "delete-messages":
      out.u16(command.ids.length);
      for (const id of command.ids) writeMessageId(out, id);
      break;
    case "claim":
      out.u32(command.ttlSec);
      out.u32(command.graceSec);
      out.u16(command.limit);
      break;
    case "renew-claim":
      writeClaimId(out, command.claim);
      out.u32(command.ttlSec);
      out.u32(command.graceSec);
      break;
    case "release-claim":
      writeClaimId(out, command.claim);
      break;
  }
}

/** `project text16 | queue text16` as one string of bytes: the key of a queue inside a partition. */
export function readAddress(reader: ByteReader, bytes: Buffer): string {
  const start = reader.position;
  reader.skip(reader.u16());
  reader.skip(reader.u16());
  return bytes.toString("latin1", start, reader.position);
}

/** What `readAddress` reads for this queue. */
export function addressOf(project: string, queue: string): string {
  return textKey(project) + textKey(queue);
}

/** The project's part of an address, in the form of `readAddress`. */
export function projectOfAddress(address: string): string {
  return address.slice(2, 2 + lengthAt(address, 0));
}

/** The queue's part of an address: UTF-8 bytes as characters, so that string order is byte order. */
export function queueOfAddress(address: string): string {
  return address.slice(4 + lengthAt(address, 0));
}

/** UTF-8 bytes as characters, back to text. */
export function textOfKey(key: string): string {
  return Buffer.from(key, "latin1").toString("utf8");
}

/** Text as its UTF-8 bytes, one character for each. */
export function keyOfText(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

function textKey(text: string): string {
  const key = keyOfText(text);
  return String.fromCharCode(key.length & 0xff, key.length >>> 8) + key;
}

function lengthAt(address: string, at: number): number {
  return address.charCodeAt(at) | (address.charCodeAt(at + 1) << 8);
}

export function writeMessageId(out: ByteWriter, id: MessageId): void {
  out.u64(id.incarnation);
  out.u64(id.sequence);
}

export function readMessageId(reader: ByteReader): MessageId {
  return { incarnation: reader.u64(), sequence: reader.u64() };
}

export function writeClaimId(out: ByteWriter, claim: ClaimId): void {
  out.u64(claim.index);
  out.u32(claim.ordinal);
}

export function readClaimId(reader: ByteReader): ClaimId {
  return { index: reader.u64(), ordinal: reader.u32() };
}
