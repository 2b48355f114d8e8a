import { describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { CorrelationTable } from "../../../src/gateway/router/correlation-table.js";

describe("CorrelationTable", () => {
  test("gives ascending correlations from 1 and takes each once", () => {
    const table = new CorrelationTable<string>();
    expect([table.add("a"), table.add("b")]).toEqual([1, 2]);
    expect(table.take(1)).toBe("a");
    expect(table.take(1)).toBeUndefined();
    expect(table.take(3)).toBeUndefined();
    expect(table.take(0)).toBeUndefined();
    expect(table.count).toBe(1);
  });

  test("does not take one entry for another that had its slot before", () => {
    const table = new CorrelationTable<number>();
    const first = table.add(0);
    table.take(first);
    let last = first;
    // Once around all slots.
    for (let i = 1; i <= 1_024; i++) {
      last = table.add(i);
      if (i < 1_024) table.take(last);
    }
    expect(last % 1_024).toBe(first % 1_024);
    expect(table.take(first)).toBeUndefined();
    expect(table.take(last)).toBe(1_024);
  });

  test("grows with what is in flight, and drains oldest first", () => {
    const table = new CorrelationTable<number>();
    const correlations = Array.from({ length: 5_000 }, (_, i) => table.add(i));
    expect(new Set(correlations).size).toBe(5_000);
    expect(table.take(correlations[1_234] ?? 0)).toBe(1_234);
    const rest = table.drain();
    expect(rest).toEqual(Array.from({ length: 5_000 }, (_, i) => i).filter((i) => i !== 1_234));
    expect(table.count).toBe(0);
    expect(table.drain()).toEqual([]);
  });

  test("behaves like a map, in any order of adding and taking", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 3 }), { maxLength: 4_000 }), fc.nat(), (steps, salt) => {
        const table = new CorrelationTable<number>();
        const model = new Map<number, number>();
        let value = salt;
        for (const step of steps) {
          value += 1;
          const keys = [...model.keys()];
          const key = keys[value % (keys.length + 1)];
          if (step > 0 || key === undefined) {
            const correlation = table.add(value);
            expect(model.has(correlation)).toBe(false);
            model.set(correlation, value);
          } else {
            expect(table.take(key)).toBe(model.get(key));
            model.delete(key);
          }
        }
        expect(table.count).toBe(model.size);
        expect(table.drain()).toEqual([...model.values()]);
      }),
      { numRuns: 20 },
    );
  });
});
