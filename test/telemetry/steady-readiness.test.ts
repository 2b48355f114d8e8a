import { describe, expect, test } from "@jest/globals";
import { SteadyReadiness } from "../../src/telemetry/index.js";

describe("steady readiness", () => {
  test("begins with the first yes, outlives a moment of no, and ends after the grace", () => {
    let nowMs = 0;
    const readiness = new SteadyReadiness({ monotonicMs: () => nowMs }, 3_000);
    readiness.note(false);
    expect(readiness.ready).toBe(false);
    readiness.note(true);
    expect(readiness.ready).toBe(true);
    nowMs = 3_000;
    readiness.note(false);
    expect(readiness.ready).toBe(true);
    nowMs = 3_001;
    expect(readiness.ready).toBe(false);
    readiness.note(true);
    expect(readiness.ready).toBe(true);
  });
});
