import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { EntryTable } from "../../../src/storage/wal/entry-table.js";
import { recordBytes } from "../../../src/storage/wal/layout.js";

interface Place {
  readonly term: number;
  readonly segment: number;
  readonly offset: number;
  readonly bytes: number;
  /** Bytes of the log. */
  taken: number;
}

type Step =
  | { readonly type: "append"; readonly count: number; readonly newTerm: boolean; readonly bytes: number }
  | { readonly type: "truncate" | "trim"; readonly back: number }
  | { readonly type: "charge"; readonly bytes: number }
  | { readonly type: "reset"; readonly ahead: number };

const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant("append" as const),
      count: fc.nat(30),
      newTerm: fc.boolean(),
      bytes: fc.nat(5000),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constantFrom("truncate" as const, "trim" as const), back: fc.nat(40) }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("charge" as const), bytes: fc.nat(5000) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("reset" as const), ahead: fc.nat(50) }) },
);

test("the table agrees with an array of entries", () => {
  fc.assert(
    fc.property(fc.nat(1000), fc.array(steps, { maxLength: 60 }), (start, list) => {
      const table = new EntryTable(start);
      let first = start + 1;
      let model: Place[] = [];
      let term = 1;
      let offset = 0;
      for (const step of list) {
        if (step.type === "append") {
          if (step.newTerm) term++;
          for (let i = 0; i < step.count; i++) {
            offset += 8;
            const bytes = step.bytes + i;
            const place = { term, segment: 1 + (offset >> 7), offset, bytes, taken: recordBytes(bytes) };
            model.push(place);
            table.append(place.term, place.segment, place.offset, place.bytes);
          }
        } else if (step.type === "charge") {
          table.charge(step.bytes);
          const last = model.at(-1);
          if (last !== undefined) last.taken += step.bytes;
        } else if (step.type === "reset") {
          first = first + model.length + step.ahead;
          model = [];
          table.reset(first - 1);
        } else {
          const at = Math.max(0, model.length - step.back);
          if (step.type === "truncate") {
            table.truncate(first + at);
            model = model.slice(0, at);
          } else {
            table.trim(first + at);
            model = model.slice(at);
            first += at;
          }
        }
        check(table, first, model);
      }
    }),
  );
});

function check(table: EntryTable, first: number, model: readonly Place[]): void {
  expect(table.first).toBe(first);
  expect(table.count).toBe(model.length);
  expect(table.last).toBe(first + model.length - 1);
  const indexes = model.map((_, i) => first + i);
  expect(indexes.map((index) => [table.segmentAt(index), table.offsetAt(index), table.bytesAt(index)])).toEqual(
    model.map(({ segment, offset, bytes }) => [segment, offset, bytes]),
  );
  const middle = first + (model.length >> 1);
  const after = model.slice((model.length >> 1) + 1);
  expect(table.logBytesAfter(middle)).toBe(after.reduce((sum, { taken }) => sum + taken, 0));
  const runs = table.termRunsAfter(middle);
  const termAt = (index: number): number | undefined => runs.findLast((run) => run.from <= index)?.term;
  expect(after.map((_, i) => termAt(middle + 1 + i))).toEqual(after.map(({ term }) => term));
  expect(runs.every((run, i) => i === 0 || run.term !== runs[i - 1]?.term)).toBe(true);
}

test("cutting below the first entry leaves an empty table that goes on from there", () => {
  const table = new EntryTable(100);
  table.append(1, 1, 0, 10);
  table.truncate(95);
  expect([table.first, table.last, table.count]).toEqual([95, 94, 0]);
  table.append(2, 1, 64, 10);
  expect(table.termRunsAfter(0)).toEqual([{ from: 95, term: 2 }]);
});

test("segment ids beyond 32 bits are kept modulo 2^32", () => {
  const table = new EntryTable(0);
  table.append(1, 0x1_0000_0005, 0, 1);
  expect(table.segmentAt(1)).toBe(5);
});

test("asking for an entry that is not there is a programmer error", () => {
  const table = new EntryTable(3);
  expect(() => table.offsetAt(3)).toThrow(/not in the table/);
  expect(() => {
    table.trim(9);
  }).toThrow(/beyond the last/);
});
