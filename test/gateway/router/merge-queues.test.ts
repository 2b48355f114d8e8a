import { describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { compareByteOrder, mergeQueues } from "../../../src/gateway/router/merge-queues.js";

const entry = (name: string) => ({ name, metadata: undefined });

describe("mergeQueues", () => {
  test("merges by name and cuts", () => {
    const lists = [["a", "d"], ["b"], [], ["C", "c"]].map((names) => names.map(entry));
    expect(mergeQueues(lists, 4).map(({ name }) => name)).toEqual(["C", "a", "b", "c"]);
    expect(mergeQueues(lists, 0)).toEqual([]);
    expect(mergeQueues([], 5)).toEqual([]);
  });

  test("orders as UTF-8 bytes do", () => {
    expect(compareByteOrder("\u{10000}", "\uffff")).toBeGreaterThan(0);
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (a, b) => {
        expect(Math.sign(compareByteOrder(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
      { numRuns: 1_000 },
    );
  });

  test("a page over partitions is the page of all", () => {
    const names = fc.uniqueArray(fc.string({ unit: "binary", minLength: 1 }), { maxLength: 40 });
    fc.assert(
      fc.property(names, fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 10 }), (all, partitions, limit) => {
        const sorted = [...all].sort(compareByteOrder);
        const lists = Array.from({ length: partitions }, (_, p) =>
          sorted.filter((_name, i) => i % partitions === p).slice(0, limit),
        );
        const merged = mergeQueues(
          lists.map((list) => list.map(entry)),
          limit,
        );
        expect(merged.map(({ name }) => name)).toEqual(sorted.slice(0, limit));
      }),
    );
  });
});
