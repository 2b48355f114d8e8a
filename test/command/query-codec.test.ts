import { expect, test } from "@jest/globals";

import { ByteWriter, DecodeError } from "../../src/base/index.js";
import { decodeQuery, encodeQuery, isQuery, operationOf, type Query, validateQuery } from "../../src/command/index.js";

const on = { project: "p", queue: "q" };
const samples: readonly Query[] = [
  { ...on, op: "get-queue" },
  { ...on, op: "list-queues", queue: "", marker: "m\u00e4rz", limit: 20, detailed: true },
  { ...on, op: "queue-stats" },
  { ...on, op: "list-messages", afterSequence: 2 ** 41, limit: 1, includeClaimed: false, withoutClient: undefined },
  { ...on, op: "list-messages", afterSequence: 0, limit: 9, includeClaimed: true, withoutClient: Buffer.alloc(16, 7) },
  { ...on, op: "get-messages", ids: [] },
  {
    ...on,
    op: "get-messages",
    ids: [
      { incarnation: 2 ** 47, sequence: 1 },
      { incarnation: 1, sequence: 2 },
    ],
  },
  { ...on, op: "get-claim", claim: { index: 2 ** 40, ordinal: 2 ** 32 - 1 } },
];

function bytesOf(query: Query): Buffer {
  const out = new ByteWriter();
  encodeQuery(out, query);
  return out.copy();
}

test("reads back every query", () => {
  for (const query of samples) {
    const bytes = bytesOf(query);
    expect(decodeQuery(bytes)).toEqual(query);
    expect(isQuery(bytes)).toBe(true);
    expect(operationOf(bytes)).toBe(query.op);
    expect(validateQuery(bytes)).toBe(true);
  }
});

test("refuses every truncation, and anything appended", () => {
  for (const query of samples) {
    const bytes = bytesOf(query);
    for (let size = 0; size < bytes.length; size++) {
      expect(() => decodeQuery(bytes.subarray(0, size))).toThrow(DecodeError);
    }
    expect(() => decodeQuery(Buffer.concat([bytes, Buffer.alloc(1)]))).toThrow(DecodeError);
  }
});
