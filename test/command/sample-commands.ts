import { ByteWriter } from "../../src/base/index.js";
import { type Command, type CommandHeader, encodeCommand, MessageBatchWriter } from "../../src/command/index.js";
import type { MessageBatch } from "../../src/contract/index.js";

export const header: CommandHeader = { session: 2 ** 52 + 5, sequence: 7, lowWater: 3 };
export const address = { project: "p\u00e9", queue: "jobs" };

export function batchOf(...bodies: string[]): MessageBatch {
  const writer = new MessageBatchWriter();
  for (const body of bodies) writer.add(300, Buffer.from(body));
  return writer.finish();
}

export function bytesOf(command: Command, of: CommandHeader = header): Buffer {
  const out = new ByteWriter();
  encodeCommand(out, of, command);
  return out.copy();
}

/** One command of every kind. */
export const samples: readonly Command[] = [
  { ...address, op: "create-queue" },
  { ...address, op: "delete-queue" },
  { ...address, op: "set-metadata", metadata: Buffer.from('{"a":1}') },
  { ...address, op: "post", clientId: Buffer.alloc(16, 9), batch: batchOf('"one"', '{"two":2}', "null") },
  { ...address, op: "delete-message", id: { incarnation: 4, sequence: 2 ** 40 }, claim: undefined },
  {
    ...address,
    op: "delete-message",
    id: { incarnation: 4, sequence: 1 },
    claim: { index: 2 ** 47, ordinal: 2 ** 31 },
  },
  {
    ...address,
    op: "delete-messages",
    ids: [
      { incarnation: 1, sequence: 2 },
      { incarnation: 3, sequence: 4 },
    ],
  },
  { ...address, op: "claim", ttlSec: 60, graceSec: 61, limit: 10 },
  { ...address, op: "renew-claim", claim: { index: 5, ordinal: 0 }, ttlSec: 60, graceSec: 0 },
  { ...address, op: "release-claim", claim: { index: 5, ordinal: 0 } },
];
