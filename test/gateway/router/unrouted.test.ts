import { describe, expect, test } from "@jest/globals";
import { Unrouted } from "../../../src/gateway/router/unrouted.js";

describe("Unrouted", () => {
  test("lets calls go on in order, with their results", async () => {
    const unrouted = new Unrouted(10);
    const order: number[] = [];
    const calls = [1, 2].map((value) =>
      unrouted.wait(100, () => {
        order.push(value);
        return Promise.resolve(value);
      }),
    );
    expect(unrouted.count).toBe(2);
    unrouted.release();
    await expect(Promise.all(calls)).resolves.toEqual([1, 2]);
    expect(order).toEqual([1, 2]);
    expect(unrouted.count).toBe(0);
  });

  test("gives up those past their deadline, which had no effect", async () => {
    const unrouted = new Unrouted(10);
    const early = unrouted.wait(100, () => Promise.resolve("early"));
    const late = unrouted.wait(200, () => Promise.resolve("late"));
    expect(unrouted.expire(100)).toBe(1);
    await expect(early).rejects.toMatchObject({ code: "no-leader", retryAfterSec: 1 });
    unrouted.release();
    await expect(late).resolves.toBe("late");
  });

  test("is bounded", async () => {
    const unrouted = new Unrouted(1);
    const first = unrouted.wait(100, () => Promise.resolve());
    await expect(unrouted.wait(100, () => Promise.resolve())).rejects.toMatchObject({ code: "overloaded" });
    unrouted.stop();
    await expect(first).rejects.toMatchObject({ code: "shutting-down" });
  });
});
