import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { TermRuns } from "../../src/raft/term-runs.js";

/** Terms of indexes base, base + 1, ... */
function runsOf(base: number, terms: readonly number[]): TermRuns {
  const runs = new TermRuns(base, terms[0] ?? 0);
  for (const [i, term] of terms.entries()) if (i > 0) runs.append(base + i, term);
  return runs;
}

describe("TermRuns", () => {
  const terms = [1, 1, 1, 3, 3, 4, 7, 7, 7];

  it("knows the term of every index from the base on", () => {
    const runs = runsOf(10, terms);
    expect(terms.map((_, i) => runs.termAt(10 + i))).toEqual(terms);
    expect(runs.baseIndex).toBe(10);
    expect(runs.lastTerm).toBe(7);
  });

  it("refuses a term that goes back", () => {
    expect(() => runsOf(10, [3, 2])).toThrow("terms never decrease");
  });

  it("finds the last index with a term at most so large", () => {
    const runs = runsOf(10, terms);
    expect(runs.lastIndexAtMost(18, 7)).toBe(18);
    expect(runs.lastIndexAtMost(18, 6)).toBe(15);
    expect(runs.lastIndexAtMost(18, 3)).toBe(14);
    expect(runs.lastIndexAtMost(14, 3)).toBe(14);
    expect(runs.lastIndexAtMost(18, 2)).toBe(12);
    expect(runs.lastIndexAtMost(18, 0)).toBe(10);
  });

  it("equals a plain list, whatever is truncated and compacted", () => {
    const term = fc.nat(2);
    const step = fc.oneof(
      fc.record({ append: term }),
      fc.record({ truncate: fc.nat(12) }),
      fc.record({ compact: fc.nat(4) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        let base = 5;
        let list = [1];
        const runs = new TermRuns(base, 1);
        for (const action of steps) {
          if ("append" in action) {
            list.push((list.at(-1) ?? 0) + action.append);
            runs.append(base + list.length - 1, list.at(-1) ?? 0);
          } else if ("truncate" in action) {
            const keep = Math.max(1, list.length - action.truncate);
            list = list.slice(0, keep);
            runs.truncate(base + keep);
          } else {
            const drop = Math.min(action.compact, list.length - 1);
            list = list.slice(drop);
            base += drop;
            runs.compact(base);
          }
          expect(runs.baseIndex).toBe(base);
          expect(runs.lastTerm).toBe(list.at(-1));
          for (const [i, t] of list.entries()) {
            expect(runs.termAt(base + i)).toBe(t);
            for (const limit of [t, t - 1, t + 1]) {
              const naive = list.slice(0, i + 1).findLastIndex((other) => other <= limit);
              expect(runs.lastIndexAtMost(base + i, limit)).toBe(base + Math.max(0, naive));
            }
          }
        }
      }),
      { numRuns: 60 },
    );
  });
});
