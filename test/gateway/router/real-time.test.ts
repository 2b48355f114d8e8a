import { describe, expect, test } from "@jest/globals";
import { realClock, realTimers } from "../../../src/gateway/router/real-time.js";

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe("real time", () => {
  test("the monotonic clock measures, the wall clock tells the date", async () => {
    const startMs = realClock.monotonicMs();
    await pause(20);
    expect(realClock.monotonicMs() - startMs).toBeGreaterThanOrEqual(19);
    expect(Math.abs(realClock.wallMs() - Date.now())).toBeLessThan(1_000);
  });

  test("timers fire, repeat, and stop when cancelled", async () => {
    const fired: string[] = [];
    realTimers.soon(() => fired.push("soon"));
    realTimers.after(1, () => fired.push("after"));
    const cancelled = realTimers.after(1, () => fired.push("cancelled"));
    cancelled.cancel();
    let ticks = 0;
    const ticker = realTimers.every(2, () => ticks++);
    await pause(60);
    ticker.cancel();
    const ticksThen = ticks;
    await pause(20);
    expect([...fired].sort()).toEqual(["after", "soon"]);
    expect(ticksThen).toBeGreaterThan(1);
    expect(ticks).toBe(ticksThen);
  });
});
