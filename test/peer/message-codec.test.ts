import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { ByteReader, ByteWriter, DecodeError } from "../../src/base/index.js";
import { readMessage, readMessages, writeMessage } from "../../src/peer/index.js";
import { type Entry, EntryKind, type Message } from "../../src/raft/index.js";

const number = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const ids = fc.array(fc.integer({ min: 1, max: 2 ** 48 }), { maxLength: 7 });
const envelope = { from: number, to: number, term: number };
const configuration = fc.record({ voters: ids, outgoing: ids, learners: ids });
const message: fc.Arbitrary<Message> = fc.oneof(
  fc.record({
    type: fc.constant("vote-request" as const),
    ...envelope,
    pre: fc.boolean(),
    transfer: fc.boolean(),
    lastIndex: number,
    lastTerm: number,
  }),
  fc.record({ type: fc.constant("vote-reply" as const), ...envelope, pre: fc.boolean(), granted: fc.boolean() }),
  fc
    .record({
      ...envelope,
      prevIndex: fc.nat({ max: 2 ** 50 }),
      prevTerm: number,
      commit: number,
      parts: fc.array(
        fc.record({
          term: number,
          kind: fc.constantFrom(EntryKind.normal, EntryKind.empty, EntryKind.config),
          data: fc.uint8Array({ maxLength: 300 }),
        }),
        { maxLength: 5 },
      ),
    })
    .map(({ parts, ...rest }) => ({
      type: "append-request" as const,
      ...rest,
      entries: parts.map((part, i): Entry => ({ index: rest.prevIndex + 1 + i, ...part })),
    })),
  fc.record({
    type: fc.constant("append-reply" as const),
    ...envelope,
    refused: fc.boolean(),
    index: number,
    hintIndex: number,
    hintTerm: number,
  }),
  fc.record({ type: fc.constant("heartbeat" as const), ...envelope, commit: number, context: number }),
  fc.record({ type: fc.constant("heartbeat-reply" as const), ...envelope, context: number }),
  fc.record({
    type: fc.constant("snapshot-request" as const),
    ...envelope,
    snapshot: fc.record({ index: number, term: number, configuration, configurationIndex: number }),
  }),
  fc.record({ type: fc.constant("timeout-now" as const), ...envelope }),
);

/** Buffers and typed arrays compare by content. */
function plain(value: Message): unknown {
  return JSON.parse(
    JSON.stringify(value, (key, item: unknown) =>
      key === "data" ? Buffer.from(item as Uint8Array).toString("hex") : item,
    ),
  );
}

describe("message codec", () => {
  test("every message comes back as it was written, many to a frame", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat({ max: 0xffffffff }), message), { maxLength: 8 }), (sent) => {
        const out = new ByteWriter();
        for (const [group, one] of sent) writeMessage(out, group, one);
        const received = readMessages(out.take());
        expect(received.map((one) => one.group)).toEqual(sent.map(([group]) => group));
        expect(received.map((one) => plain(one.message))).toEqual(sent.map(([, one]) => plain(one)));
      }),
    );
  });

  test("a frame cut anywhere is refused, never misread", () => {
    fc.assert(
      fc.property(message, fc.nat(), (one, cut) => {
        const out = new ByteWriter();
        writeMessage(out, 7, one);
        const bytes = out.take();
        expect(() => readMessage(new ByteReader(bytes.subarray(0, cut % bytes.length)))).toThrow();
      }),
    );
  });

  test("an unknown type or entry kind is refused", () => {
    const out = new ByteWriter();
    writeMessage(out, 1, { type: "timeout-now", from: 1, to: 2, term: 3 });
    const bytes = out.take();
    bytes[4] = 99;
    expect(() => readMessages(bytes)).toThrow(DecodeError);
  });
});
