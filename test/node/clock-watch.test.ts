import { describe, expect, test } from "@jest/globals";
import { ClockWatch } from "../../src/node/clock-watch.js";
import { nodeLimits } from "../../src/node/limits.js";

const MAX_MS = 500;
const NOW = 1_000_000;

/** One round: every peer says how far it is ahead, and all are judged. */
function judged(watch: ClockWatch, aheadMs: Record<string, number>): string[] {
  for (const [node, ahead] of Object.entries(aheadMs)) watch.heard(node, NOW + ahead, NOW);
  watch.judge();
  const off = Object.keys(aheadMs).filter((node) => watch.isPeerOff(node));
  return watch.isOff ? ["self", ...off] : off;
}

describe("the clocks of a cluster", () => {
  test("that agree are all right, whatever the network takes", () => {
    const watch = new ClockWatch(MAX_MS);
    expect(judged(watch, { n2: -3, n3: -480 })).toEqual([]);
    expect(watch.aheadMs).toBe(3);
  });

  test.each([
    ["ahead", -10_000, 10_000],
    ["behind", 10_000, -10_000],
  ])("the own one is off when it is far %s of two others", (_, others, ahead) => {
    const watch = new ClockWatch(MAX_MS);
    expect(judged(watch, { n2: others, n3: others })).toEqual(["self"]);
    expect(watch.aheadMs).toBe(ahead);
  });

  test("a peer's is off when it is far from the median, and the own one is not", () => {
    expect(judged(new ClockWatch(MAX_MS), { n2: 0, n3: 7_000, n4: -1 })).toEqual(["n3"]);
  });

  test("what is off is told by the bound, not before", () => {
    const watch = new ClockWatch(MAX_MS);
    expect(judged(watch, { n2: MAX_MS, n3: 0 })).toEqual([]);
    expect(judged(watch, { n2: MAX_MS + 1, n3: 0 })).toEqual(["n2"]);
  });

  test("of two clocks nobody can tell which is right", () => {
    const watch = new ClockWatch(MAX_MS);
    expect(judged(watch, { n2: -10_000 })).toEqual([]);
    expect(watch.aheadMs).toBe(5_000);
  });

  test("when half of them or more disagree with the median, nobody is sent away", () => {
    expect(judged(new ClockWatch(MAX_MS), { n2: 0, n3: 10_000, n4: 10_000 })).toEqual([]);
    expect(judged(new ClockWatch(MAX_MS), { n2: 10_000, n3: 20_000 })).toEqual([]);
    expect(judged(new ClockWatch(MAX_MS), { n2: 10_000, n3: 20_000, n4: 0, n5: 0 })).toEqual(["n2", "n3"]);
  });

  test("the least delayed word counts: a slow one among many says nothing about the clock", () => {
    const watch = new ClockWatch(MAX_MS);
    judged(watch, { n2: -2, n3: -1 });
    expect(judged(watch, { n2: -9_000, n3: -8_000 })).toEqual([]);
    expect(watch.aheadMs).toBe(1);
  });

  test("a clock that changed is found out when the words from before are forgotten", () => {
    const watch = new ClockWatch(MAX_MS);
    for (let round = 0; round < nodeLimits.clockSamplesMax; round++) judged(watch, { n2: 0, n3: 0 });
    for (let round = 1; round < nodeLimits.clockSamplesMax; round++)
      expect(judged(watch, { n2: -10_000, n3: -10_000 })).toEqual([]);
    expect(judged(watch, { n2: -10_000, n3: -10_000 })).toEqual(["self"]);
  });

  test("one that was off must come well within the bound", () => {
    const watch = new ClockWatch(MAX_MS);
    const rounds = (ahead: number): string[] => {
      let off: string[] = [];
      for (let round = 0; round < nodeLimits.clockSamplesMax; round++) off = judged(watch, { n2: 0, n3: ahead });
      return off;
    };
    expect(rounds(MAX_MS + 100)).toEqual(["n3"]);
    expect(rounds(MAX_MS * nodeLimits.clockRightShare + 1)).toEqual(["n3"]);
    expect(rounds(MAX_MS * nodeLimits.clockRightShare)).toEqual([]);
    expect(rounds(MAX_MS)).toEqual([]);
  });

  test("a peer that is gone counts no more", () => {
    const watch = new ClockWatch(MAX_MS);
    expect(judged(watch, { n2: 0, n3: 9_000 })).toEqual(["n3"]);
    watch.forget("n3");
    expect(watch.isPeerOff("n3")).toBe(false);
    watch.judge();
    expect(watch.isOff).toBe(false);
    expect(watch.aheadMs).toBe(0);
  });

  test("nobody else there, nothing to say", () => {
    const watch = new ClockWatch(MAX_MS);
    watch.judge();
    expect([watch.isOff, watch.aheadMs]).toEqual([false, 0]);
  });
});
