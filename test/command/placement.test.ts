import { expect, test } from "@jest/globals";
import fc from "fast-check";

import { AssertionError } from "../../src/base/index.js";
import { partitionOf } from "../../src/command/index.js";

test("is fixed for ever: stored queues are found by it", () => {
  const placed = [
    ["", "q"],
    ["p", "q"],
    ["pq", "q"],
    ["tenant", "orders"],
    ["t\u00e9nant", "orders"],
  ].map(([project, queue]) => partitionOf(project as string, queue as string, 64));
  expect(placed).toEqual([25, 8, 11, 51, 11]);
});

test("equals FNV-1a with MurmurHash3's finish over UTF-8, computed another way", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "grapheme" }),
      fc.string(),
      fc.integer({ min: 1, max: 4_096 }),
      (project, queue, count) => {
        const mask = 0xffff_ffffn;
        let hash = 0x811c9dc5n;
        for (const byte of Buffer.from(`${project}\0${queue}`)) hash = ((hash ^ BigInt(byte)) * 0x01000193n) & mask;
        hash = ((hash ^ (hash >> 16n)) * 0x85ebca6bn) & mask;
        hash = ((hash ^ (hash >> 13n)) * 0xc2b2ae35n) & mask;
        hash ^= hash >> 16n;
        expect(partitionOf(project, queue, count)).toBe(Number(hash % BigInt(count)));
      },
    ),
  );
});

test("spreads similar names evenly", () => {
  for (const partitions of [12, 64]) {
    const counts = new Array<number>(partitions).fill(0);
    const queues = 64_000;
    for (let i = 0; i < queues; i++) {
      const home = partitionOf("tenant", `queue-${String(i)}`, partitions);
      counts[home] = (counts[home] ?? 0) + 1;
    }
    const mean = queues / partitions;
    for (const count of counts) expect(Math.abs(count - mean)).toBeLessThan(5 * Math.sqrt(mean));
  }
});

test("wants at least one partition", () => {
  expect(() => partitionOf("", "q", 0)).toThrow(AssertionError);
});
