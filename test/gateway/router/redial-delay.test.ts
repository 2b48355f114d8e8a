import { describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { RedialDelay } from "../../../src/gateway/router/redial-delay.js";
import { seededRng } from "./support.js";

describe("RedialDelay", () => {
  test("begins short, doubles, and stays within its bound", () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const delay = new RedialDelay(20, 400, seededRng(seed));
        for (const stepMs of [20, 40, 80, 160, 320, 400, 400]) {
          const delayMs = delay.next();
          expect(delayMs).toBeGreaterThanOrEqual(stepMs / 2);
          expect(delayMs).toBeLessThan(stepMs);
        }
        delay.reset();
        expect(delay.next()).toBeLessThan(20);
      }),
    );
  });

  test("two routers do not dial in step", () => {
    const [a, b] = [new RedialDelay(20, 400, seededRng(1)), new RedialDelay(20, 400, seededRng(2))];
    expect(a.next()).not.toBe(b.next());
  });
});
