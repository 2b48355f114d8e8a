import { expect, test } from "@jest/globals";
import fc from "fast-check";

import { ByteWriter } from "../../src/base/index.js";
import { commandLimits, encodeQuery, validateCommand, validateQuery } from "../../src/command/index.js";
import { address, batchOf, bytesOf, samples } from "./sample-commands.js";

test("passes every command that the codec writes", () => {
  for (const command of samples) expect(validateCommand(bytesOf(command))).toBe(true);
});

test("refuses every truncation, and anything appended", () => {
  for (const command of samples) {
    const bytes = bytesOf(command);
    for (let size = 0; size < bytes.length; size++) expect(validateCommand(bytes.subarray(0, size))).toBe(false);
    expect(validateCommand(Buffer.concat([bytes, Buffer.alloc(1)]))).toBe(false);
  }
});

test("never throws, whatever the bytes", () => {
  const code = fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 128, 129, 130, 131, 132, 133, 255);
  fc.assert(
    fc.property(code, fc.uint8Array({ maxLength: 120 }), (op, rest) => {
      const bytes = Buffer.concat([Buffer.of(op), rest]);
      expect(typeof validateCommand(bytes)).toBe("boolean");
      expect(typeof validateQuery(bytes)).toBe("boolean");
    }),
  );
});

test("refuses a post whose count, lengths and bytes disagree", () => {
  const batch = batchOf('"one"', '"two"');
  const post = { ...address, op: "post", clientId: Buffer.alloc(16), batch } as const;
  expect(validateCommand(bytesOf(post))).toBe(true);
  for (const count of [0, 1, 3, 0xffff_ffff]) {
    expect(validateCommand(bytesOf({ ...post, batch: { ...batch, count } }))).toBe(false);
  }
  const lengthAt = 4;
  const stretched = Buffer.from(batch.bytes);
  stretched.writeUInt32LE(6, lengthAt);
  expect(validateCommand(bytesOf({ ...post, batch: { ...batch, bytes: stretched } }))).toBe(false);
  const immortal = Buffer.from(batch.bytes);
  immortal.writeUInt32LE(0, 0);
  expect(validateCommand(bytesOf({ ...post, batch: { ...batch, bytes: immortal } }))).toBe(false);
});

test("refuses what exceeds the bounds of a command", () => {
  const ids = Array.from({ length: commandLimits.itemsMax + 1 }, () => ({ incarnation: 1, sequence: 1 }));
  expect(validateCommand(bytesOf({ ...address, op: "delete-messages", ids }))).toBe(false);
  expect(validateCommand(bytesOf({ ...address, op: "delete-messages", ids: ids.slice(1) }))).toBe(true);
  const claim = { ...address, op: "claim", ttlSec: 60, graceSec: 60 } as const;
  expect(validateCommand(bytesOf({ ...claim, limit: 0 }))).toBe(false);
  expect(validateCommand(bytesOf({ ...claim, limit: commandLimits.itemsMax + 1 }))).toBe(false);
  expect(validateCommand(bytesOf({ ...claim, limit: 1, ttlSec: 0 }))).toBe(false);
  expect(validateCommand(bytesOf({ ...claim, limit: 1, ttlSec: 2 ** 31 }))).toBe(false);
  expect(validateCommand(bytesOf({ ...claim, limit: 1, graceSec: 2 ** 31 }))).toBe(false);
  expect(validateCommand(bytesOf({ ...claim, limit: 1, graceSec: 0 }))).toBe(true);
  expect(validateCommand(bytesOf({ op: "create-queue", project: "", queue: "" }))).toBe(false);
  expect(validateCommand(bytesOf({ op: "create-queue", project: "p".repeat(769), queue: "q" }))).toBe(false);
  const header = { session: 1, sequence: 1, lowWater: 2 };
  expect(validateCommand(bytesOf({ ...address, op: "create-queue" }, header))).toBe(false);
  expect(validateCommand(bytesOf({ ...address, op: "create-queue" }, { ...header, lowWater: 0 }))).toBe(false);
  const large = Buffer.alloc(commandLimits.metadataBytesMax + 1);
  expect(validateCommand(bytesOf({ ...address, op: "set-metadata", metadata: large }))).toBe(false);
});

test("refuses a query whose page is empty or beyond bounds", () => {
  const bytesOfPage = (limit: number): Buffer => {
    const out = new ByteWriter();
    encodeQuery(out, { op: "list-queues", project: "", queue: "", marker: "", limit, detailed: false });
    return out.copy();
  };
  expect(validateQuery(bytesOfPage(1))).toBe(true);
  expect(validateQuery(bytesOfPage(0))).toBe(false);
  expect(validateQuery(bytesOfPage(commandLimits.itemsMax + 1))).toBe(false);
  expect(validateQuery(bytesOfPage(1).subarray(1))).toBe(false);
});
