import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { EntryCache } from "../../src/raft/entry-cache.js";
import { raftLimits } from "../../src/raft/limits.js";
import { entry } from "./solo.js";

const overhead = raftLimits.entryOverheadBytes;
const indexesOf = (cache: EntryCache, low: number, high: number, bytesMax = Infinity): number[] =>
  cache.slice(low, high, bytesMax).map(({ index }) => index);

function filled(first: number, count: number, bytesMax = Infinity): EntryCache {
  const cache = new EntryCache(first, bytesMax);
  for (let i = 0; i < count; i++) cache.push(entry(first + i, 1, "12345"));
  return cache;
}

describe("EntryCache", () => {
  it("cuts a slice by bytes, but never below one entry", () => {
    const cache = filled(3, 5);
    expect(indexesOf(cache, 3, 8)).toEqual([3, 4, 5, 6, 7]);
    expect(indexesOf(cache, 4, 8, 10)).toEqual([4, 5]);
    expect(indexesOf(cache, 4, 8, 14)).toEqual([4, 5]);
    expect(indexesOf(cache, 4, 8, 0)).toEqual([4]);
    expect(indexesOf(cache, 8, 8)).toEqual([]);
  });

  it("evicts the oldest beyond the bound, but only what is durable", () => {
    const cache = filled(1, 5, 2 * (overhead + 5));
    cache.evict(1);
    expect(cache.first).toBe(2);
    cache.evict(5);
    expect(cache.first).toBe(4);
    expect(cache.bytes).toBe(2 * (overhead + 5));
  });

  it("goes on at an older index when everything cached was truncated", () => {
    const cache = filled(5, 4);
    cache.truncate(3);
    expect(cache.first).toBe(3);
    expect(cache.bytes).toBe(0);
    cache.push(entry(3, 2));
    expect(indexesOf(cache, 3, 4)).toEqual([3]);
  });

  it("releases memory while it evicts thousands", () => {
    const cache = filled(1, 5_000, 0);
    cache.evict(5_000);
    expect(cache.bytes).toBe(0);
    cache.push(entry(5_001, 1));
    expect(indexesOf(cache, 5_001, 5_002)).toEqual([5_001]);
  });

  it("equals a plain list, whatever happens to it", () => {
    const step = fc.oneof(
      fc.record({ push: fc.nat(9) }),
      fc.record({ truncate: fc.nat(6) }),
      fc.record({ evict: fc.nat(30) }),
      fc.record({ dropTo: fc.nat(6) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 0, max: 400 }), (steps, bytesMax) => {
        const cache = new EntryCache(10, bytesMax);
        let first = 10;
        let list: number[] = [];
        const bytes = (): number => list.reduce((sum, size) => sum + size + overhead, 0);
        for (const action of steps) {
          if ("push" in action) {
            cache.push(entry(first + list.length, 1, "x".repeat(action.push)));
            list.push(action.push);
          } else if ("truncate" in action) {
            const from = first + list.length - action.truncate;
            cache.truncate(from);
            list = list.slice(0, Math.max(0, list.length - action.truncate));
            first = Math.min(first, from);
          } else if ("evict" in action) {
            cache.evict(first + action.evict);
            const durable = first + action.evict;
            while (bytes() > bytesMax && first <= durable) {
              list.shift();
              first++;
            }
          } else {
            const index = first + action.dropTo;
            cache.dropTo(index);
            list = list.slice(index + 1 - first);
            first = index + 1;
          }
          expect(cache.first).toBe(first);
          expect(cache.bytes).toBe(bytes());
          expect(cache.slice(first, first + list.length, Infinity).map(({ data }) => data.length)).toEqual(list);
          expect(indexesOf(cache, first, first + list.length)).toEqual(list.map((_, i) => first + i));
        }
      }),
      { numRuns: 100 },
    );
  });
});
