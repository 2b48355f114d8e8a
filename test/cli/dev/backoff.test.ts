import { describe, expect, test } from "@jest/globals";
import { Backoff } from "../../../src/cli/dev/backoff.js";

describe("the wait before a process is started again", () => {
  test("doubles up to a bound, then it is given up", () => {
    const backoff = new Backoff();
    const delays = Array.from({ length: 12 }, () => backoff.nextDelayMs(100));
    expect(delays).toEqual([
      500,
      1_000,
      2_000,
      4_000,
      8_000,
      10_000,
      10_000,
      10_000,
      10_000,
      10_000,
      undefined,
      undefined,
    ]);
  });

  test("is short again after a steady run", () => {
    const backoff = new Backoff();
    for (let i = 0; i < 9; i++) backoff.nextDelayMs(100);
    expect(backoff.nextDelayMs(30_000)).toBe(500);
    expect(backoff.nextDelayMs(29_999)).toBe(1_000);
  });
});
