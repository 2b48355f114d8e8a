import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { addRow, fingerprint, type Lanes, rowSum } from "../../src/storage/row-hash.js";
import { RowSumTable } from "../../src/storage/row-sum-table.js";

function laneOf(key: number): Lanes {
  // Few distinct low words: long probes, and neighbours that only differ in the high word.
  return { low: key % 3, high: key };
}

test("the table agrees with a map", () => {
  const step = fc.record({ key: fc.nat(60), sum: fc.option(fc.nat(0xffffffff), { nil: undefined }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const table = new RowSumTable();
      const model = new Map<number, number>();
      for (const { key, sum } of steps) {
        if (sum === undefined) {
          table.delete(laneOf(key));
          model.delete(key);
        } else {
          table.set(laneOf(key), sum);
          model.set(key, sum);
        }
        expect(table.count).toBe(model.size);
      }
      for (let key = 0; key <= 60; key++) expect(table.get(laneOf(key))).toBe(model.get(key));
    }),
  );
});

test("the table stays small when rows come and go", () => {
  const table = new RowSumTable();
  for (let i = 0; i < 100_000; i++) {
    table.set({ low: i * 7, high: i }, i);
    if (i >= 10) table.delete({ low: (i - 10) * 7, high: i - 10 });
  }
  expect(table.count).toBe(10);
});

test("the hash of a set does not depend on order, and takes back what was added", () => {
  const keys = Array.from({ length: 50 }, (_, i) => Buffer.from(`key ${String(i)}`));
  const hashOf = (order: readonly Buffer[]): Lanes => {
    const set: Lanes = { low: 0, high: 0 };
    const lane: Lanes = { low: 0, high: 0 };
    for (const key of order) {
      fingerprint(key, lane);
      addRow(set, lane, rowSum(key, Buffer.from("value"), 0), 1);
    }
    return set;
  };
  const all = hashOf(keys);
  expect(hashOf([...keys].reverse())).toEqual(all);
  expect(hashOf(keys.slice(1))).not.toEqual(all);
  const lane: Lanes = { low: 0, high: 0 };
  const [first] = keys;
  if (first === undefined) throw new Error("no key");
  fingerprint(first, lane);
  addRow(all, lane, rowSum(first, Buffer.from("value"), 0), -1);
  expect(all).toEqual(hashOf(keys.slice(1)));
});

test("fingerprints of similar keys differ in both lanes", () => {
  const low = new Set<number>();
  const high = new Set<number>();
  const lane: Lanes = { low: 0, high: 0 };
  const key = Buffer.alloc(12);
  for (let i = 0; i < 20_000; i++) {
    key.writeUInt32BE(i, 8);
    fingerprint(key, lane);
    low.add(lane.low);
    high.add(lane.high);
  }
  // 20,000 random 32-bit words have about 0.05 collisions.
  expect(low.size).toBeGreaterThan(19_990);
  expect(high.size).toBeGreaterThan(19_990);
});
