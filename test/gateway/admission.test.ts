import { describe, expect, test } from "@jest/globals";
import { Admission } from "../../src/gateway/admission.js";

describe("admission", () => {
  test("lets in as many requests as its bound, and more as others leave", () => {
    const admission = new Admission(2, 100);
    expect([admission.enter(), admission.enter(), admission.enter()]).toEqual([true, true, false]);
    admission.leave();
    expect(admission.enter()).toBe(true);
    expect(admission.requests).toBe(2);
  });

  test("holds as many bytes as its bound; what exists already counts beyond it and keeps requests out", () => {
    const admission = new Admission(2, 100);
    expect(admission.hold(60)).toBe(true);
    expect(admission.hold(41)).toBe(false);
    expect(admission.hold(40)).toBe(true);
    admission.release(100);
    admission.holdAnyway(1_000);
    expect(admission.enter()).toBe(false);
    admission.release(1_000);
    expect(admission.enter()).toBe(true);
  });

  test("is told nothing that cannot be", () => {
    const admission = new Admission(2, 100);
    expect(() => admission.leave()).toThrow("not entered");
    expect(() => admission.release(1)).toThrow("than held");
  });
});
