import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { HistoryChecker } from "./checker.js";
import type { HistoryRecord } from "./history.js";
import { PerfectQueue } from "./perfect-queue.js";
import type { Verdict } from "./verdict.js";

const judge = (records: readonly HistoryRecord[]): Verdict => {
  const checker = new HistoryChecker();
  for (const record of records) checker.add(record);
  return checker.finish();
};

const seeds = fc.integer({ min: 1, max: 0x7fffffff });

describe("histories of a queue without faults", () => {
  test("pass, whatever is concurrent, refused or of unknown outcome", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        expect(judge(new PerfectQueue(seed).run(400)).violations).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });

  test("do not pass when an acknowledged message is left out of everything that follows", () => {
    let caught = 0;
    fc.assert(
      fc.property(seeds, (seed) => {
        const records = new PerfectQueue(seed).run(200);
        const victim = survivor(records);
        if (victim === undefined) return;
        expect(judge(records.map((record) => without(record, victim))).countByRule.has("Q1")).toBe(true);
        caught += 1;
      }),
      { numRuns: 100 },
    );
    expect(caught).toBeGreaterThan(10);
  });
});

/** A message of an acknowledged post that lives long, and that nobody but the drain has tried to delete. */
function survivor(records: readonly HistoryRecord[]): Victim | undefined {
  const drainFrom = records.findIndex((record) => record.op === "drain");
  const before = records.slice(0, drainFrom);
  if (before.some((record) => record.op === "delete-queue")) return undefined;
  const deleted = new Set(before.flatMap((record) => (record.op === "delete" ? record.ids : [])));
  for (const record of before) {
    if (record.op !== "post" || record.outcome !== "ok" || record.ttlSec < 3_600) continue;
    const at = record.ids?.findIndex((id) => !deleted.has(id)) ?? -1;
    if (at >= 0) return { id: record.ids?.[at] as string, body: record.bodies[at] as string };
  }
  return undefined;
}

interface Victim {
  readonly id: string;
  readonly body: string;
}

/** The same record of a world that has lost the message. */
function without(record: HistoryRecord, { id, body }: Victim): HistoryRecord {
  if (record.op === "delete") return { ...record, ids: record.ids.filter((one) => one !== id) };
  if (record.op !== "list" && record.op !== "claim" && record.op !== "get") return record;
  if (record.ids?.includes(id) !== true) return record;
  const ids = record.ids.filter((one) => one !== id);
  return { ...record, ids, bodies: (record.bodies ?? []).filter((one) => one !== body) };
}

test("a long history is judged in time that grows with its length", () => {
  const records = new PerfectQueue(7).run(100_000);
  const sinceMs = performance.now();
  expect(judge(records).violations).toEqual([]);
  // Two seconds on an idle core. What grew with the square of the length would take minutes.
  expect(performance.now() - sinceMs).toBeLessThan(30_000);
});
