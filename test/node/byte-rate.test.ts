import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { ByteRate } from "../../src/node/byte-rate.js";

test("what is taken at any pace stays within the rate, but for a short burst", () => {
  const takes = fc.array(fc.record({ bytes: fc.integer({ min: 0, max: 5_000 }), idleMs: fc.nat(200) }), {
    minLength: 1,
  });
  fc.assert(
    fc.property(takes, (list) => {
      let nowMs = 1_000;
      const rate = new ByteRate({ monotonicMs: () => nowMs, wallMs: () => 0 }, 10_000);
      let bytes = 0;
      for (const take of list) {
        nowMs += take.idleMs;
        nowMs += rate.take(take.bytes);
        // Whoever waited as told has stayed within the rate with all that was taken before.
        expect(bytes).toBeLessThanOrEqual(10 * (nowMs - 1_000 + 50) + 1e-6);
        bytes += take.bytes;
      }
    }),
  );
});

test("whoever takes less than the rate allows never waits", () => {
  let nowMs = 0;
  const rate = new ByteRate({ monotonicMs: () => nowMs, wallMs: () => 0 }, 1_000_000);
  for (let i = 0; i < 1_000; i++) {
    expect(rate.take(9_000)).toBe(0);
    nowMs += 10;
  }
});
