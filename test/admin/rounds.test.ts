import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { adminLimits } from "../../src/admin/limits.js";
import { Rounds } from "../../src/admin/rounds.js";

function rest(rounds: Rounds): string[] {
  const asked: string[] = [];
  for (let next = rounds.next(); next !== undefined; next = rounds.next()) asked.push(next);
  return asked;
}

describe("whom to ask next", () => {
  test("everybody once in a round, in the order given", () => {
    const rounds = new Rounds(["a", "b", "a"]);
    expect(rest(rounds)).toEqual(["a", "b"]);
    rounds.again();
    expect(rest(rounds)).toEqual(["a", "b"]);
  });

  test("first those that were pointed to, unless they were asked already", () => {
    const rounds = new Rounds(["a", "b", "c"]);
    expect(rounds.next()).toBe("a");
    rounds.point(["d", "a"]);
    expect(rest(rounds)).toEqual(["d", "b", "c"]);
    rounds.again();
    expect(rest(rounds)).toEqual(["d", "a", "b", "c"]);
  });

  test("waits longer with every round, up to a bound", () => {
    const rounds = new Rounds(["a"]);
    const waits = Array.from({ length: 40 }, () => rounds.again());
    expect(waits.slice(0, 5)).toEqual([50, 100, 200, 400, 500]);
    expect(waits.at(-1)).toBe(500);
  });

  test("keeps a bounded number of addresses, and never forgets one that it was given", () => {
    const name = fc.integer({ min: 0, max: 400 }).map(String);
    fc.assert(
      fc.property(fc.array(name, { minLength: 1, maxLength: 300 }), fc.array(fc.array(name)), (given, pointed) => {
        const rounds = new Rounds(given);
        for (const addresses of pointed) rounds.point(addresses);
        const asked = rest(rounds);
        expect(new Set(asked).size).toBe(asked.length);
        expect(asked.length).toBeLessThanOrEqual(adminLimits.addressesMax);
        const kept = [...new Set(given)].slice(0, adminLimits.addressesMax);
        expect(asked).toEqual(expect.arrayContaining(kept));
      }),
    );
  });
});
