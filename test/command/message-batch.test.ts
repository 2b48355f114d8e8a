import { expect, test } from "@jest/globals";
import fc from "fast-check";

import { AssertionError, DecodeError } from "../../src/base/index.js";
import { MessageBatchWriter, readMessageBatch } from "../../src/command/index.js";

test("gives back what was added, byte for byte", () => {
  const message = fc.record({ ttlSec: fc.integer({ min: 1, max: 2 ** 31 - 1 }), body: fc.uint8Array() });
  const writer = new MessageBatchWriter(8);
  fc.assert(
    fc.property(fc.array(message), (messages) => {
      for (const { ttlSec, body } of messages) writer.add(ttlSec, body);
      expect(writer.count).toBe(messages.length);
      const batch = writer.finish();
      expect(writer.count).toBe(0);
      const read = readMessageBatch(batch);
      expect(read.map(({ ttlSec, body }) => [ttlSec, [...body]])).toEqual(
        messages.map(({ ttlSec, body }) => [ttlSec, [...body]]),
      );
    }),
  );
});

test("refuses a ttl of zero, and a batch that is cut", () => {
  const writer = new MessageBatchWriter();
  expect(() => {
    writer.add(0, Buffer.of(1));
  }).toThrow(AssertionError);
  writer.add(60, Buffer.of(1, 2, 3));
  const batch = writer.finish();
  expect(() => readMessageBatch({ ...batch, bytes: batch.bytes.subarray(1) })).toThrow(DecodeError);
  expect(() => readMessageBatch({ ...batch, count: 0 })).toThrow(DecodeError);
});
