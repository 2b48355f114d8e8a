import { assert, ByteReader, type ByteWriter, DecodeError } from "../base/index.js";
import {
  decodeConfiguration,
  encodeConfiguration,
  type Entry,
  EntryKind,
  type Message,
  type SnapshotMeta,
} from "../raft/index.js";
import { type Beat, blockType, readBlock } from "./heartbeat-block.js";

/** What is written one by one; heartbeats and their replies travel in blocks. */
export type SingleMessage = Exclude<Message, Beat>;

/** Numbers of the wire: never reuse one. 5 and 6 were those of single heartbeats; blocks have the next ones. */
const codes = {
  "vote-request": 1,
  "vote-reply": 2,
  "append-request": 3,
  "append-reply": 4,
  "snapshot-request": 7,
  "timeout-now": 8,
} as const satisfies Record<SingleMessage["type"], number>;

const types = new Map(Object.entries(codes).map(([type, code]) => [code as number, type as SingleMessage["type"]]));

const FLAG_A = 1;
const FLAG_B = 2;

/** A Raft message and the group that it belongs to. */
export interface GroupMessage {
  readonly group: number;
  readonly message: Message;
}

/**
 * Appends one message: group u32, type u8, flags u8, from u64, to u64, term u64, then the fields of its type. By hand, since
 * this is the hottest format between nodes: a reflective decoder costs microseconds per message, this one a fraction.
 */
export function writeMessage(out: ByteWriter, group: number, message: SingleMessage): void {
  out.u32(group);
  out.u8(codes[message.type]);
  out.u8(flagsOf(message));
  out.u64(message.from);
  out.u64(message.to);
  out.u64(message.term);
  switch (message.type) {
    case "vote-request":
      out.u64(message.lastIndex);
      out.u64(message.lastTerm);
      break;
    case "append-request":
      out.u64(message.prevIndex);
      out.u64(message.prevTerm);
      out.u64(message.commit);
      writeEntries(out, message.entries);
      break;
    case "append-reply":
      out.u64(message.index);
      out.u64(message.hintIndex);
      out.u64(message.hintTerm);
      break;
    case "snapshot-request":
      writeSnapshotMeta(out, message.snapshot);
      break;
    case "vote-reply":
    case "timeout-now":
      break;
  }
}

function flagsOf(message: SingleMessage): number {
  switch (message.type) {
    case "vote-request":
      return (message.pre ? FLAG_A : 0) | (message.transfer ? FLAG_B : 0);
    case "vote-reply":
      return (message.pre ? FLAG_A : 0) | (message.granted ? FLAG_B : 0);
    case "append-reply":
      return message.refused ? FLAG_A : 0;
    default:
      return 0;
  }
}

function writeEntries(out: ByteWriter, entries: readonly Entry[]): void {
  out.u32(entries.length);
  for (const entry of entries) {
    out.u64(entry.term);
    out.u8(entry.kind);
    out.bytes32(entry.data);
  }
}

/** What the core would stop the process for is refused here: terms that descend or exceed the message's, a broken configuration. */
function readEntries(input: ByteReader, prevIndex: number, prevTerm: number, messageTerm: number): Entry[] {
  const count = input.u32();
  const entries: Entry[] = [];
  let termMin = prevTerm;
  for (let i = 0; i < count; i++) {
    const index = prevIndex + 1 + i;
    const term = input.u64();
    const kind = input.u8();
    if (kind !== EntryKind.normal && kind !== EntryKind.empty && kind !== EntryKind.config)
      throw new DecodeError(`entry kind ${String(kind)}`);
    if (term < termMin || term > messageTerm || !Number.isSafeInteger(index))
      throw new DecodeError(`entry ${String(index)} of term ${String(term)} in a message of ${String(messageTerm)}`);
    const data = input.bytes32();
    if (kind === EntryKind.config) decodeConfiguration(data);
    entries.push({ index, term, kind, data });
    termMin = term;
  }
  return entries;
}

function writeSnapshotMeta(out: ByteWriter, snapshot: SnapshotMeta): void {
  out.u64(snapshot.index);
  out.u64(snapshot.term);
  out.u64(snapshot.configurationIndex);
  out.bytes32(encodeConfiguration(snapshot.configuration));
}

function readSnapshotMeta(input: ByteReader): SnapshotMeta {
  const index = input.u64();
  const term = input.u64();
  const configurationIndex = input.u64();
  return { index, term, configurationIndex, configuration: decodeConfiguration(input.bytes32()) };
}

/** Reads one message; entries' data alias the input. Throws DecodeError on anything that writeMessage does not write. */
export function readMessage(input: ByteReader): GroupMessage {
  return readSingle(input, input.u32(), input.u8());
}

function readSingle(input: ByteReader, group: number, code: number): GroupMessage {
  const type = types.get(code);
  if (type === undefined) throw new DecodeError(`message type ${String(code)}`);
  const flags = input.u8();
  const envelope = { from: input.u64(), to: input.u64(), term: input.u64() };
  return { group, message: readFields(input, type, flags, envelope) };
}

function readFields(
  input: ByteReader,
  type: SingleMessage["type"],
  flags: number,
  envelope: { readonly from: number; readonly to: number; readonly term: number },
): SingleMessage {
  const a = (flags & FLAG_A) !== 0;
  const b = (flags & FLAG_B) !== 0;
  switch (type) {
    case "vote-request":
      return { type, ...envelope, pre: a, transfer: b, lastIndex: input.u64(), lastTerm: input.u64() };
    case "vote-reply":
      return { type, ...envelope, pre: a, granted: b };
    case "append-request": {
      const prevIndex = input.u64();
      const prevTerm = input.u64();
      const commit = input.u64();
      return {
        type,
        ...envelope,
        prevIndex,
        prevTerm,
        commit,
        entries: readEntries(input, prevIndex, prevTerm, envelope.term),
      };
    }
    case "append-reply":
      return { type, ...envelope, refused: a, index: input.u64(), hintIndex: input.u64(), hintTerm: input.u64() };
    case "snapshot-request":
      return { type, ...envelope, snapshot: readSnapshotMeta(input) };
    case "timeout-now":
      return { type, ...envelope };
  }
}

/** Reads all messages of a frame, in order, those in blocks one by one. */
export function readMessages(bytes: Uint8Array): GroupMessage[] {
  const input = new ByteReader(bytes);
  const messages: GroupMessage[] = [];
  const take = (group: number, message: Message): void => {
    messages.push({ group, message });
  };
  while (input.remaining > 0) {
    const head = input.u32();
    const code = input.u8();
    const type = blockType(code);
    if (type === undefined) messages.push(readSingle(input, head, code));
    else readBlock(input, type, head, take);
  }
  assert(input.remaining === 0, "a frame ends with a message");
  return messages;
}
