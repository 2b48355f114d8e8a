import { beforeEach, expect, test } from "@jest/globals";

import type { MessagePage } from "../../src/contract/index.js";
import { checkInvariants, QueueMachine } from "../../src/partition/index.js";
import { batchOf, Driver } from "./harness.js";

const on = { project: "", queue: "q" };
const [mine, theirs] = [Buffer.alloc(16, 1), Buffer.alloc(16, 2)];
const COUNT = 5_000;

let driver: Driver;

beforeEach(() => {
  driver = new Driver(new QueueMachine());
  driver.do({ ...on, op: "create-queue" });
});

function post(clientId: Buffer, count: number, ttlSec = 3_600): void {
  const bodies = Array.from({ length: count }, (_, i) => `${String(i)}-${"x".repeat(i % 50)}`);
  driver.do({ ...on, op: "post", clientId, batch: batchOf(ttlSec, ...bodies) });
}

function page(afterSequence: number, limit: number, withoutClient?: Buffer, includeClaimed = false): MessagePage {
  return driver.ask({ ...on, op: "list-messages", afterSequence, limit, includeClaimed, withoutClient });
}

const sequences = ({ messages }: MessagePage): number[] => messages.map(({ id }) => id.sequence);
const upTo = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

test("pages follow each other through many chunks, and the last marker tails the queue", () => {
  post(mine, COUNT);
  const all: number[] = [];
  let marker = 0;
  for (let next = page(0, 700); next.messages.length > 0; next = page(marker, 700)) {
    all.push(...sequences(next));
    marker = next.nextMarker ?? -1;
  }
  expect(all).toEqual(upTo(1, COUNT));
  expect(page(marker, 10)).toEqual({ messages: [], nextMarker: COUNT });
  expect(page(COUNT + 50, 10).nextMarker).toBe(COUNT + 50);
  post(theirs, 2);
  expect(sequences(page(marker, 10))).toEqual([COUNT + 1, COUNT + 2]);
});

test("leaves out the caller's own messages, by chunk and one by one", () => {
  post(mine, 3_000);
  post(theirs, 2);
  post(mine, 2);
  post(theirs, 1);
  expect(sequences(page(0, 20, mine))).toEqual([3_001, 3_002, 3_005]);
  expect(sequences(page(0, 2, theirs))).toEqual([1, 2]);
  expect(sequences(page(3_000, 20, theirs))).toEqual([3_003, 3_004]);
  expect(page(3_005, 20, mine)).toEqual({ messages: [], nextMarker: 3_005 });
});

test("claimed messages are left out unless wanted, until their claim is over by the clock", () => {
  post(mine, COUNT);
  for (let i = 0; i < 4; i++) driver.do({ ...on, op: "claim", ttlSec: 60, graceSec: 60, limit: 1_000 });
  expect(sequences(page(0, 2))).toEqual([4_001, 4_002]);
  expect(sequences(page(0, 2, undefined, true))).toEqual([1, 2]);
  driver.nowMs += 60_000;
  expect(sequences(page(0, 2))).toEqual([1, 2]);
  expect(page(0, 1).messages[0]?.claim).toBeUndefined();
});

test("messages of different lives in one chunk: pages show those that are alive by the clock", () => {
  for (const ttlSec of [60, 600, 60, 600]) post(mine, 2, ttlSec);
  driver.nowMs += 60_000;
  expect(sequences(page(0, 20))).toEqual([3, 4, 7, 8]);
  expect(sequences(page(0, 20, theirs, true))).toEqual([3, 4, 7, 8]);
  const ids = [1, 3].map((sequence) => ({ incarnation: 1, sequence }));
  expect(driver.ask({ ...on, op: "get-messages", ids }).map(({ id }) => id.sequence)).toEqual([3]);
});

test("stats name the ends that are alive", () => {
  const startMs = driver.nowMs;
  post(mine, 2_000, 60);
  driver.nowMs += 1_500;
  post(mine, 2, 600);
  post(mine, 1_500, 60);
  driver.nowMs += 500;
  driver.do({ ...on, op: "claim", ttlSec: 60, graceSec: 60, limit: 3 });
  const [first, last] = [
    { incarnation: 1, sequence: 1 },
    { incarnation: 1, sequence: 3_502 },
  ];
  expect(driver.ask({ ...on, op: "queue-stats" })).toEqual({
    total: 3_502,
    claimed: 3,
    oldest: { id: first, ageSec: 2, createdMs: startMs },
    newest: { id: last, ageSec: 0, createdMs: startMs + 1_500 },
  });
  driver.nowMs = startMs + 200_000;
  expect(driver.ask({ ...on, op: "queue-stats" })).toMatchObject({
    oldest: { id: { sequence: 2_001 }, ageSec: 198 },
    newest: { id: { sequence: 2_002 } },
  });
});

test("a long backlog is claimed and deleted in order; a few survivors keep little memory", () => {
  const machine = driver.machine;
  for (let i = 0; i < 10; i++) post(mine, 2_000);
  const survivors: number[] = [];
  const seen: number[] = [];
  for (let claimed = 0; claimed < 20_000; claimed += 100) {
    const made = driver.do({ ...on, op: "claim", ttlSec: 300, graceSec: 60, limit: 100 });
    const ids = made?.messages.map(({ id }) => id) ?? [];
    seen.push(...ids.map(({ sequence }) => sequence));
    const doomed = ids.filter(({ sequence }) => sequence % 500 !== 0);
    driver.do({ ...on, op: "delete-messages", ids: doomed });
    if (doomed.length < ids.length) {
      survivors.push(...ids.filter((id) => !doomed.includes(id)).map(({ sequence }) => sequence));
      if (made !== undefined) driver.do({ ...on, op: "release-claim", claim: made.id });
      // Claimed again at once, since released messages are the oldest; held until they expire.
      driver.do({ ...on, op: "claim", ttlSec: 3_000, graceSec: 60, limit: 1 });
    }
  }
  expect(seen).toEqual(upTo(1, 20_000));
  checkInvariants(machine);
  expect(sequences(page(0, 100, undefined, true))).toEqual(survivors);
  let bytes = 0;
  for (const queue of machine.state.queues.all()) {
    for (const chunk of queue.chunks ?? []) bytes += chunk.capacityBytes;
  }
  expect(machine.stats().messages).toBe(40);
  expect(bytes).toBeLessThan(40 * 1_024);
});
