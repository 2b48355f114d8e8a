import { describe, expect, test } from "@jest/globals";
import { systemClock, systemTimers } from "../../src/base/index.js";

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe("real time", () => {
  test("the monotonic clock measures, the wall clock tells the date", async () => {
    const startMs = systemClock.monotonicMs();
    await pause(20);
    expect(systemClock.monotonicMs() - startMs).toBeGreaterThanOrEqual(19);
    expect(Math.abs(systemClock.wallMs() - Date.now())).toBeLessThan(1_000);
  });

  test("timers fire, repeat, and stop when cancelled", async () => {
    const fired: string[] = [];
    systemTimers.soon(() => fired.push("soon"));
    systemTimers.after(1, () => fired.push("after"));
    const cancelled = systemTimers.after(1, () => fired.push("cancelled"));
    cancelled.cancel();
    let ticks = 0;
    const ticker = systemTimers.every(2, () => ticks++);
    await pause(60);
    ticker.cancel();
    const ticksThen = ticks;
    await pause(20);
    expect([...fired].sort()).toEqual(["after", "soon"]);
    expect(ticksThen).toBeGreaterThan(1);
    expect(ticks).toBe(ticksThen);
  });
});
