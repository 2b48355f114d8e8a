import { expect, test } from "@jest/globals";

import { checkInvariants, type MachineLimits, QueueMachine } from "../../src/partition/index.js";
import { batchOf, Driver } from "./harness.js";

const on = { project: "", queue: "q" };
const clientId = Buffer.alloc(16);

function driverWith(limits: Partial<MachineLimits>): Driver {
  const driver = new Driver(new QueueMachine(limits));
  driver.do({ ...on, op: "create-queue" });
  return driver;
}

function post(driver: Driver, ttlSec: number, count: number): void {
  const bodies = Array.from({ length: count }, (_, i) => String(i));
  driver.do({ ...on, op: "post", clientId, batch: batchOf(ttlSec, ...bodies) });
}

test("one entry sweeps a bounded number of chunks and leaves the rest due", () => {
  const driver = driverWith({ chunkMessagesMax: 4, sweptChunksMax: 3 });
  post(driver, 60, 40);
  driver.tick(60_000);
  expect(driver.machine.stats()).toMatchObject({ messages: 28, expired: 12 });
  expect(driver.machine.nextDeadlineMs).toBe(driver.nowMs);
  // Reads go by the clock: the lag does not show.
  const options = { afterSequence: 0, limit: 20, includeClaimed: true, withoutClient: undefined };
  expect(driver.ask({ ...on, op: "list-messages", ...options }).messages).toEqual([]);
  expect(driver.ask({ ...on, op: "queue-stats" })).toMatchObject({ total: 0, oldest: undefined, newest: undefined });
  checkInvariants(driver.machine);
  for (const messages of [16, 4, 0]) {
    driver.tick(0);
    expect(driver.machine.stats().messages).toBe(messages);
  }
  expect(driver.machine.nextDeadlineMs).toBe(Infinity);
});

test("a claim passes over what is expired and not swept, and removes it", () => {
  const driver = driverWith({ chunkMessagesMax: 4, sweptChunksMax: 1 });
  post(driver, 60, 22);
  post(driver, 600, 3);
  driver.tick(60_000);
  expect(driver.machine.stats().messages).toBe(21);
  const made = driver.do({ ...on, op: "claim", ttlSec: 60, graceSec: 60, limit: 2 });
  expect(made?.messages.map(({ id }) => id.sequence)).toEqual([23, 24]);
  expect(driver.machine.stats()).toMatchObject({ messages: 3, expired: 22 });
  checkInvariants(driver.machine);
});

test("one entry ends a bounded number of claims; the others are dead all the same", () => {
  const driver = driverWith({ sweptClaimsMax: 2 });
  post(driver, 6_000, 5);
  const ids = [];
  for (let i = 0; i < 5; i++) ids.push(driver.do({ ...on, op: "claim", ttlSec: 60, graceSec: 60, limit: 1 })?.id);
  driver.tick(60_000);
  expect(driver.machine.stats()).toMatchObject({ claims: 3, claimedMessages: 3 });
  expect(driver.machine.nextDeadlineMs).toBe(driver.nowMs);
  for (const claim of ids) {
    if (claim === undefined) throw new Error("five messages make five claims");
    expect(driver.ask({ ...on, op: "get-claim", claim })).toBeUndefined();
  }
  const options = { afterSequence: 0, limit: 20, includeClaimed: false, withoutClient: undefined };
  expect(driver.ask({ ...on, op: "list-messages", ...options }).messages.map(({ claim }) => claim)).toEqual(
    Array<undefined>(5).fill(undefined),
  );
  // One of a dead claim that is not swept yet is as good as free.
  const id = { incarnation: 1, sequence: 5 };
  expect(driver.machine.stats().claims).toBe(3);
  expect(driver.do({ ...on, op: "delete-message", id, claim: undefined })).toBe("deleted");
  driver.tick(0);
  driver.tick(0);
  expect(driver.machine.stats()).toMatchObject({ claims: 0, claimedMessages: 0, messages: 4 });
  checkInvariants(driver.machine);
});

test("a repeated claim that is dead and not swept yet is answered with nothing", () => {
  const driver = driverWith({ sweptClaimsMax: 1 });
  post(driver, 6_000, 2);
  const claim = { ...on, op: "claim", ttlSec: 60, graceSec: 60, limit: 1 } as const;
  const header = { session: 9, sequence: 2, lowWater: 1 };
  driver.send({ ...header, sequence: 1 }, claim);
  expect(driver.send(header, claim)).toBeDefined();
  driver.nowMs += 60_000;
  expect(driver.send(header, claim)).toBeUndefined();
  expect(driver.machine.stats().claims).toBe(1);
});

test("the next deadline is what falls due first, among messages and claims", () => {
  const driver = driverWith({});
  expect(driver.machine.nextDeadlineMs).toBe(Infinity);
  const startMs = driver.nowMs;
  post(driver, 600, 1);
  expect(driver.machine.nextDeadlineMs).toBe(startMs + 600_000);
  post(driver, 90, 1);
  expect(driver.machine.nextDeadlineMs).toBe(startMs + 90_000);
  driver.do({ ...on, op: "claim", ttlSec: 60, graceSec: 60, limit: 1 });
  expect(driver.machine.nextDeadlineMs).toBe(startMs + 60_000);
});

test("ticks come to an end: a deadline that has passed is not named again", () => {
  const driver = driverWith({ chunkMessagesMax: 8 });
  for (let i = 0; i < 30; i++) post(driver, 60 + ((i * 37) % 50), 1 + (i % 3));
  driver.do({ ...on, op: "claim", ttlSec: 70, graceSec: 0, limit: 7 });
  let ticks = 0;
  while (driver.machine.nextDeadlineMs !== Infinity && ticks <= 60) {
    driver.tick(driver.machine.nextDeadlineMs - driver.nowMs);
    expect(driver.machine.nextDeadlineMs).toBeGreaterThan(driver.nowMs);
    checkInvariants(driver.machine);
    ticks++;
  }
  expect(driver.machine.stats()).toMatchObject({ messages: 0, claims: 0 });
  expect(ticks).toBeLessThanOrEqual(60);
});
