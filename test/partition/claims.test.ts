import { expect, test } from "@jest/globals";
import fc from "fast-check";

import { AssertionError } from "../../src/base/index.js";
import { Claim, ClaimTable } from "../../src/partition/claims.js";
import { QueueState } from "../../src/partition/queue-state.js";

const queue = new QueueState("", 1);
const newClaim = (index: number, ordinal: number): Claim => new Claim(index, ordinal, queue, 60, 0);

test("finds what was added and not removed, as a Map would", () => {
  const id = fc.record({ index: fc.constantFrom(1, 2, 3, 2 ** 32, 2 ** 32 + 1, 2 ** 47), ordinal: fc.nat(9) });
  fc.assert(
    fc.property(fc.array(id, { maxLength: 150 }), (ids) => {
      const table = new ClaimTable();
      const map = new Map<string, Claim>();
      for (const { index, ordinal } of ids) {
        const key = `${String(index)}/${String(ordinal)}`;
        const known = map.get(key);
        expect(table.get(index, ordinal)).toBe(known);
        if (known === undefined) {
          const claim = newClaim(index, ordinal);
          table.add(claim);
          map.set(key, claim);
        } else {
          table.remove(known);
          map.delete(key);
        }
        expect(table.size).toBe(map.size);
        for (const claim of map.values()) {
          expect(table.get(claim.index, claim.ordinal)).toBe(claim);
          expect(table.byHandle(claim.handle)).toBe(claim);
        }
      }
      const sorted = [...map.values()].sort((a, b) => a.index - b.index || a.ordinal - b.ordinal);
      expect(table.all()).toEqual(sorted);
    }),
  );
});

test("keeps many claims of one entry and of many entries, and gives handles again", () => {
  const table = new ClaimTable();
  const claims = Array.from({ length: 10_000 }, (_, i) => newClaim(1 + (i % 100), Math.floor(i / 100)));
  for (const claim of claims) table.add(claim);
  for (const claim of claims) expect(table.get(claim.index, claim.ordinal)).toBe(claim);
  for (const claim of claims) table.remove(claim);
  expect(table.size).toBe(0);
  expect(table.all()).toEqual([]);
  const again = newClaim(1, 1);
  table.add(again);
  expect(again.handle).toBeLessThan(claims.length);
});

test("refuses an id twice, a removal twice and a handle that nobody has", () => {
  const table = new ClaimTable();
  const claim = newClaim(1, 1);
  table.add(claim);
  expect(() => {
    table.add(newClaim(1, 1));
  }).toThrow(AssertionError);
  table.remove(claim);
  expect(() => {
    table.remove(claim);
  }).toThrow(AssertionError);
  expect(() => table.byHandle(0)).toThrow(AssertionError);
});
