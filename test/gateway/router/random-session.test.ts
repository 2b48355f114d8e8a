import { expect, test } from "@jest/globals";
import { randomSession } from "../../../src/gateway/router/random-session.js";

test("sessions are safe integers of 53 bits and differ", () => {
  const sessions = Array.from({ length: 1_000 }, randomSession);
  expect(new Set(sessions).size).toBe(1_000);
  expect(sessions.every((session) => Number.isSafeInteger(session) && session >= 1)).toBe(true);
  expect(Math.max(...sessions)).toBeGreaterThan(2 ** 52);
});
