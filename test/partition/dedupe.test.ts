import { expect, test } from "@jest/globals";
import fc from "fast-check";

import { Outcome, Session, Sessions } from "../../src/partition/dedupe.js";

function recalled(session: Session, sequence: number): number[] | undefined {
  const outcome = new Outcome();
  return session.recall(sequence, outcome) ? [outcome.kind, outcome.a, outcome.b, outcome.c] : undefined;
}

test("remembers what a Map bounded by a low-water mark would", () => {
  const windowMax = 64;
  const step = fc.record({ ahead: fc.nat(90), advance: fc.option(fc.nat(20), { nil: undefined }) });
  fc.assert(
    fc.property(fc.constantFrom(1, 2 ** 31 - 20, 2 ** 40), fc.array(step, { maxLength: 30 }), (start, steps) => {
      const session = new Session(1, 0);
      const outcome = new Outcome();
      const map = new Map<number, number[]>();
      session.advance(start);
      let lowWater = start;
      steps.forEach(({ ahead, advance }, i) => {
        if (advance !== undefined) {
          lowWater += advance;
          session.advance(lowWater);
        }
        const sequence = lowWater + ahead;
        outcome.set(3, 2 ** 40 + i, 2 ** 41 + i, i);
        session.remember(sequence, outcome, windowMax);
        map.set(sequence, [3, 2 ** 40 + i, 2 ** 41 + i, i]);
        lowWater = Math.max(lowWater, sequence - windowMax + 1);
        expect(session.lowWater).toBe(lowWater);
        expect(session.window).toBeLessThanOrEqual(windowMax);
        const window = Array.from({ length: 100 }, (_, offset) => lowWater + offset);
        expect(window.map((one) => recalled(session, one))).toEqual(window.map((one) => map.get(one)));
        const remembered: number[] = [];
        for (let next = session.nextRemembered(0); next >= 0; next = session.nextRemembered(next + 1))
          remembered.push(next);
        expect(remembered).toEqual([...map.keys()].filter((one) => one >= lowWater).sort((a, b) => a - b));
      });
    }),
  );
});

test("a low-water mark never falls", () => {
  const session = new Session(1, 0);
  session.advance(10);
  session.advance(3);
  expect(session.lowWater).toBe(10);
});

test("the least recently used session is surplus once the bound is reached, the smaller id among equals", () => {
  const sessions = new Sessions(3, 1_000);
  for (const [id, usedMs] of [
    [9, 5],
    [7, 4],
    [8, 4],
  ] as const) {
    expect(sessions.surplus()).toBeUndefined();
    sessions.add(new Session(id, usedMs));
  }
  expect(sessions.surplus()?.id).toBe(7);
  (sessions.get(7) as Session).lastUsedMs = 6;
  expect(sessions.surplus()?.id).toBe(8);
});

test("sessions are idle after their time and not before, also when they were used in between", () => {
  const sessions = new Sessions(10, 1_000);
  const [early, late] = [new Session(1, 100), new Session(2, 500)];
  sessions.add(early);
  sessions.add(late);
  expect(sessions.idle(1_099)).toEqual([]);
  early.lastUsedMs = 900;
  expect(sessions.idle(1_100)).toEqual([]);
  expect(sessions.idle(1_500)).toEqual([late]);
  sessions.remove(late);
  expect(sessions.idle(1_899)).toEqual([]);
  expect(sessions.idle(1_900)).toEqual([early]);
  expect(sessions.get(2)).toBeUndefined();
  expect(sessions.all()).toEqual([early]);
});
