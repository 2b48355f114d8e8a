import { expect, test } from "@jest/globals";

import { ByteWriter, DecodeError } from "../../src/base/index.js";
import {
  beginList,
  decodeResult,
  endList,
  writeDeleteOutcome,
  writeFlag,
  writeMark,
  writeMessageHead,
  writeNone,
  writePosted,
  writeSome,
} from "../../src/command/index.js";

function written(write: (out: ByteWriter) => void): Buffer {
  const out = new ByteWriter(4);
  write(out);
  return out.copy();
}

function writeTwoMessages(out: ByteWriter): void {
  const at = beginList(out);
  writeMessageHead(out, 3, 11, 360, 5, 2 ** 33, 4);
  out.bytes32(Buffer.from('"a"'));
  writeMessageHead(out, 3, 12, 60, 0, -1, 0);
  out.bytes32(Buffer.from('"b"'));
  endList(out, at, 2);
}

const twoMessages = [
  {
    id: { incarnation: 3, sequence: 11 },
    ttlSec: 360,
    ageSec: 5,
    claim: { index: 2 ** 33, ordinal: 4 },
    body: Buffer.from('"a"'),
  },
  { id: { incarnation: 3, sequence: 12 }, ttlSec: 60, ageSec: 0, claim: undefined, body: Buffer.from('"b"') },
];

test("flags", () => {
  for (const value of [true, false]) {
    const bytes = written((out) => {
      writeFlag(out, value);
    });
    expect(decodeResult("create-queue", bytes)).toEqual({ created: value });
    expect(decodeResult("set-metadata", bytes)).toBe(value);
    expect(decodeResult("renew-claim", bytes)).toBe(value);
  }
  const yes = written(writeSome);
  expect(decodeResult("delete-queue", yes)).toBe(true);
  expect(decodeResult("delete-messages", yes)).toBe(true);
  expect(decodeResult("release-claim", yes)).toBe(true);
  expect(() => decodeResult("delete-queue", written(writeNone))).toThrow(DecodeError);
  expect(() => decodeResult("set-metadata", Buffer.of(2))).toThrow(DecodeError);
});

test("nothing found", () => {
  const none = written(writeNone);
  for (const op of ["post", "claim", "get-queue", "queue-stats", "get-claim"] as const) {
    expect(decodeResult(op, none)).toBeUndefined();
  }
});

test("posted messages and outcomes of deletes", () => {
  const posted = written((out) => {
    writePosted(out, 2 ** 40, 2 ** 41, 100);
  });
  expect(decodeResult("post", posted)).toEqual({ incarnation: 2 ** 40, firstSequence: 2 ** 41, count: 100 });
  for (const outcome of ["deleted", "claimed", "not-claimed", "claim-gone"] as const) {
    const bytes = written((out) => {
      writeDeleteOutcome(out, outcome);
    });
    expect(decodeResult("delete-message", bytes)).toBe(outcome);
  }
  expect(() => decodeResult("delete-message", Buffer.of(4))).toThrow(DecodeError);
});

test("messages in a claim, a view of it, a page and by id", () => {
  const claim = written((out) => {
    writeSome(out);
    out.u64(2 ** 33);
    out.u32(4);
    writeTwoMessages(out);
  });
  expect(decodeResult("claim", claim)).toEqual({ id: { index: 2 ** 33, ordinal: 4 }, messages: twoMessages });
  const view = written((out) => {
    writeSome(out);
    out.u32(300);
    out.u32(12);
    writeTwoMessages(out);
  });
  expect(decodeResult("get-claim", view)).toEqual({ ttlSec: 300, ageSec: 12, messages: twoMessages });
  const page = written((out) => {
    writeSome(out);
    out.u64(12);
    writeTwoMessages(out);
  });
  expect(decodeResult("list-messages", page)).toEqual({ nextMarker: 12, messages: twoMessages });
  expect(decodeResult("get-messages", written(writeTwoMessages))).toEqual(twoMessages);
});

test("queues and stats", () => {
  const queues = written((out) => {
    const at = beginList(out);
    out.text16("a");
    writeNone(out);
    out.text16("b");
    writeSome(out);
    out.bytes32(Buffer.from("{}"));
    endList(out, at, 2);
  });
  expect(decodeResult("list-queues", queues)).toEqual([
    { name: "a", metadata: undefined },
    { name: "b", metadata: Buffer.from("{}") },
  ]);
  const stats = written((out) => {
    writeSome(out);
    out.u64(3);
    out.u64(1);
    writeMark(out, 7, 8, 9, 1_700_000_000_123);
    writeNone(out);
  });
  expect(decodeResult("queue-stats", stats)).toEqual({
    total: 3,
    claimed: 1,
    oldest: { id: { incarnation: 7, sequence: 8 }, ageSec: 9, createdMs: 1_700_000_000_123 },
    newest: undefined,
  });
});

test("refuses a result that is cut or too long", () => {
  const bytes = written(writeTwoMessages);
  for (let size = 0; size < bytes.length; size++) {
    expect(() => decodeResult("get-messages", bytes.subarray(0, size))).toThrow(DecodeError);
  }
  expect(() => decodeResult("get-messages", Buffer.concat([bytes, Buffer.of(0)]))).toThrow(DecodeError);
});
