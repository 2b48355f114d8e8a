import { describe, expect, it } from "@jest/globals";
import { Xoshiro128 } from "../../src/base/index.js";
import { ElectionTimer } from "../../src/raft/election-timer.js";
import { defaultRaftOptions } from "../../src/raft/index.js";
import { raftLimits } from "../../src/raft/limits.js";

const timer = (electionDelayTicks = 0, seed = 1): ElectionTimer =>
  new ElectionTimer({ ...defaultRaftOptions, id: 1, rng: new Xoshiro128(seed), electionTicks: 20, electionDelayTicks });

function ticksToTimeout(t: ElectionTimer): number {
  for (let ticks = 1; ; ticks++) if (t.advance()) return ticks;
}

describe("ElectionTimer", () => {
  it("draws from [E, 2E), anew each time", () => {
    const t = timer();
    const drawn = new Set<number>();
    for (let i = 0; i < 2_000; i++) {
      t.restart();
      drawn.add(t.remainingTicks);
    }
    expect(Math.min(...drawn)).toBe(20);
    expect(Math.max(...drawn)).toBe(39);
    expect(drawn.size).toBe(20);
  });

  it("fires when the drawn ticks have passed", () => {
    const t = timer();
    const { remainingTicks } = t;
    expect(ticksToTimeout(t)).toBe(remainingTicks);
  });

  it("calls a leader fresh for E ticks", () => {
    const t = timer();
    for (let i = 0; i < 19; i++) t.advance();
    expect(t.fresh).toBe(true);
    t.advance();
    expect(t.fresh).toBe(false);
    t.heard();
    expect(t.fresh).toBe(true);
  });

  it("delays the first round of a replica that is not preferred, and no other", () => {
    const t = timer(100);
    expect(t.remainingTicks).toBeGreaterThanOrEqual(120);
    t.campaigned();
    expect(t.remainingTicks).toBeLessThan(40);
    t.restart();
    expect(t.remainingTicks).toBeLessThan(40);
    t.heard();
    expect(t.remainingTicks).toBeGreaterThanOrEqual(120);
  });

  it("tries again soon when an election after a suspicion fails, a bounded number of times", () => {
    const t = timer(100);
    t.suspect();
    for (let round = 1; round < raftLimits.hurriedRoundsMax; round++) {
      t.campaigned();
      expect(t.remainingTicks).toBeLessThan(raftLimits.retryTicksEnd);
    }
    t.campaigned();
    expect(t.remainingTicks).toBeGreaterThanOrEqual(20);
    t.suspect();
    t.heard();
    expect(t.remainingTicks).toBeGreaterThanOrEqual(120);
  });

  it("leaves 1 to 6 ticks to a suspected leader, and takes it back when that speaks", () => {
    const drawn = new Set<number>();
    for (let seed = 1; seed <= 200; seed++) {
      const t = timer(0, seed);
      t.advance();
      t.suspect();
      expect(t.fresh).toBe(false);
      drawn.add(t.remainingTicks);
      t.heard();
      expect(t.fresh).toBe(true);
      expect(t.remainingTicks).toBeGreaterThanOrEqual(20);
    }
    expect([...drawn].sort()).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it("retries soon after a failed round against a leader that is gone, a bounded number of times", () => {
    const t = timer(0, 3);
    t.suspect();
    for (let round = 0; round < 11; round++) {
      t.campaigned();
      expect(t.remainingTicks).toBeGreaterThanOrEqual(2);
      expect(t.remainingTicks).toBeLessThan(8);
      // Losing a round or giving a vote does not change the pace.
      t.restart();
      expect(t.remainingTicks).toBeLessThan(8);
    }
    t.campaigned();
    expect(t.remainingTicks).toBeGreaterThanOrEqual(20);
  });

  it("goes back to whole timeouts when a leader speaks", () => {
    const t = timer(0, 4);
    t.suspect();
    t.campaigned();
    t.heard();
    expect(t.remainingTicks).toBeGreaterThanOrEqual(20);
    t.campaigned();
    expect(t.remainingTicks).toBeGreaterThanOrEqual(20);
  });
});
