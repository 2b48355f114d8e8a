import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { ByteReader, ByteWriter, DecodeError } from "../../src/base/index.js";
import { readMessage, readMessages, writeMessage } from "../../src/peer/index.js";
import type { SingleMessage } from "../../src/peer/message-codec.js";
import { encodeConfiguration, type Entry, EntryKind } from "../../src/raft/index.js";

const number = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const ids = fc.array(fc.integer({ min: 1, max: 2 ** 48 }), { maxLength: 7 });
const envelope = { from: number, to: number, term: number };
const configuration = fc.record({ voters: ids, outgoing: ids, learners: ids });
const bytes = fc.uint8Array({ maxLength: 300 });
const entryContent: fc.Arbitrary<Pick<Entry, "kind" | "data">> = fc.oneof(
  fc.record({ kind: fc.constantFrom(EntryKind.normal, EntryKind.empty), data: bytes }),
  configuration.map((one) => ({ kind: EntryKind.config, data: encodeConfiguration(one) })),
);
const message: fc.Arbitrary<SingleMessage> = fc.oneof(
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
      prevTerm: fc.nat({ max: 2 ** 40 }),
      commit: number,
      parts: fc.array(fc.record({ later: fc.nat({ max: 3 }), content: entryContent }), { maxLength: 5 }),
    })
    .map(({ parts, ...rest }) => {
      let entryTerm = rest.prevTerm;
      const entries = parts.map(({ later, content }, i): Entry => {
        entryTerm += later;
        return { index: rest.prevIndex + 1 + i, term: entryTerm, ...content };
      });
      return { type: "append-request" as const, ...rest, term: Math.max(rest.term, entryTerm), entries };
    }),
  fc.record({
    type: fc.constant("append-reply" as const),
    ...envelope,
    refused: fc.boolean(),
    index: number,
    hintIndex: number,
    hintTerm: number,
  }),
  fc.record({
    type: fc.constant("snapshot-request" as const),
    ...envelope,
    snapshot: fc.record({ index: number, term: number, configuration, configurationIndex: number }),
  }),
  fc.record({ type: fc.constant("timeout-now" as const), ...envelope }),
);

/** Buffers and typed arrays compare by content. */
function plain(value: unknown): unknown {
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

  test("a block of heartbeats is no single message", () => {
    const input = new ByteReader(Buffer.from([1, 0, 0, 0, 9, 0, 1, 2, 3, 4, 5]));
    expect(() => readMessage(input)).toThrow("message type 9");
  });

  test("an unknown type or entry kind is refused", () => {
    const out = new ByteWriter();
    writeMessage(out, 1, { type: "timeout-now", from: 1, to: 2, term: 3 });
    const bytes = out.take();
    bytes[4] = 99;
    expect(() => readMessages(bytes)).toThrow(DecodeError);
  });

  test.each<[string, Partial<Entry>]>([
    ["a term before that of its predecessor", { term: 4 }],
    ["a term after that of the message", { term: 7 }],
    ["a configuration that cannot be read", { kind: EntryKind.config, data: Buffer.from([9, 1]) }],
    ["an unknown kind", { kind: 3 as EntryKind }],
  ])("an entry with %s is refused: the core would stop the process for it", (_, difference) => {
    const out = new ByteWriter();
    const good: Entry = { index: 11, term: 5, kind: EntryKind.normal, data: Buffer.from("x") };
    const envelope = { from: 1, to: 2, term: 6, prevIndex: 10, prevTerm: 5, commit: 0 };
    writeMessage(out, 1, { type: "append-request", ...envelope, entries: [good] });
    expect(readMessages(out.take())).toHaveLength(1);
    writeMessage(out, 1, { type: "append-request", ...envelope, entries: [{ ...good, ...difference }] });
    expect(() => readMessages(out.take())).toThrow(DecodeError);
  });

  test("an entry beyond the numbers that can be counted is refused", () => {
    const out = new ByteWriter();
    const entries: Entry[] = [{ index: 0, term: 5, kind: EntryKind.empty, data: Buffer.alloc(0) }];
    const prevIndex = Number.MAX_SAFE_INTEGER;
    writeMessage(out, 1, {
      type: "append-request",
      from: 1,
      to: 2,
      term: 6,
      prevIndex,
      prevTerm: 5,
      commit: 0,
      entries,
    });
    expect(() => readMessages(out.take())).toThrow(DecodeError);
  });
});
