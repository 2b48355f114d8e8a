import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { RaftLog } from "../../src/raft/log.js";
import { type Entry, type RestoredState, type SnapshotMeta } from "../../src/raft/index.js";
import { bootstrap, voters } from "./harness.js";
import { entry } from "./solo.js";

const start: SnapshotMeta = { ...bootstrap(voters(1, 2, 3)), index: 10, term: 2 };

const restored = (lastIndex = 10, ...termRuns: { from: number; term: number }[]): RestoredState => ({
  hard: { term: 9, vote: 0, commit: 10 },
  snapshot: start,
  termRuns,
  lastIndex,
  configurations: [],
});

/** A log after snapshot (10, term 2) whose entries 11, 12, ... have these terms, nothing of it handed out. */
function logOf(...terms: number[]): RaftLog {
  const log = new RaftLog(restored(), 1_000_000);
  for (const [i, term] of terms.entries()) log.append(entry(11 + i, term));
  return log;
}

const indexesOf = (entries: readonly Entry[]): number[] => entries.map(({ index }) => index);

/** Hands out what is new; the returned function completes the order. */
function order(log: RaftLog): () => void {
  log.takeUnpersisted();
  const { generation, lastIndex } = log;
  return () => log.persisted(generation, lastIndex);
}

describe("a restored log", () => {
  it("knows all terms, is durable, and has no entry in memory", () => {
    const log = new RaftLog(restored(14, { from: 11, term: 2 }, { from: 13, term: 5 }), 100);
    expect([9, 10, 11, 12, 13, 14, 15].map((i) => log.term(i))).toEqual([undefined, 2, 2, 2, 5, 5, undefined]);
    expect([log.firstIndex, log.lastIndex, log.lastTerm, log.durable, log.firstCached]).toEqual([11, 14, 5, 14, 15]);
    expect(log.entries(11, 15, 1_000)).toBeUndefined();
    expect(log.entries(15, 16, 1_000)).toEqual([]);
    expect(log.hasUnpersisted).toBe(false);
  });

  it("refuses a state that does not fit together", () => {
    const broken = [
      restored(9),
      restored(12, { from: 12, term: 3 }),
      restored(12),
      restored(12, { from: 11, term: 3 }, { from: 13, term: 4 }),
      restored(12, { from: 11, term: 1 }),
    ];
    for (const state of broken) expect(() => new RaftLog(state, 100)).toThrow();
  });
});

describe("the up-to-date rule", () => {
  it.each([
    [13, 3, true],
    [12, 3, false],
    [14, 3, true],
    [99, 2, false],
    [1, 4, true],
  ])("a log that ends at (%i, term %i): %j", (lastIndex, lastTerm, expected) => {
    expect(logOf(2, 3, 3).isUpToDate(lastIndex, lastTerm)).toBe(expected);
  });
});

describe("handing out", () => {
  it("gives each entry once", () => {
    const log = logOf(3, 3);
    expect(indexesOf(log.takeUnpersisted().entries)).toEqual([11, 12]);
    expect(log.hasUnpersisted).toBe(false);
    log.append(entry(13, 3));
    expect(indexesOf(log.takeUnpersisted().entries)).toEqual([13]);
    expect(log.takeUnpersisted()).toEqual({ truncateFrom: undefined, entries: [] });
  });

  it("says what to drop only if it was handed out before", () => {
    const log = logOf(3, 3, 3);
    log.truncate(12);
    expect(log.takeUnpersisted().truncateFrom).toBeUndefined();
    log.truncate(11);
    log.append(entry(11, 4));
    const { truncateFrom, entries } = log.takeUnpersisted();
    expect(truncateFrom).toBe(11);
    expect(entries).toEqual([entry(11, 4)]);
  });

  it("keeps the deepest of several truncations", () => {
    const log = logOf(3, 3, 3);
    log.takeUnpersisted();
    log.truncate(13);
    log.truncate(11);
    log.append(entry(11, 4));
    log.truncate(11);
    expect(log.takeUnpersisted()).toEqual({ truncateFrom: 11, entries: [] });
  });
});

describe("durability", () => {
  it("follows completed orders", () => {
    const log = logOf(3, 3);
    const first = order(log);
    log.append(entry(13, 3));
    const second = order(log);
    first();
    expect(log.durable).toBe(12);
    second();
    expect(log.durable).toBe(13);
  });

  it("goes back at once with a truncation (R8)", () => {
    const log = logOf(3, 3, 3);
    order(log)();
    log.truncate(12);
    expect(log.durable).toBe(11);
  });

  it("ignores completions from before a truncation, and the next order makes up for it (R9)", () => {
    const log = logOf(3, 3);
    const a = order(log);
    log.truncate(11);
    log.append(entry(11, 4));
    const c = order(log);
    log.truncate(11);
    log.append(entry(11, 5));
    log.append(entry(12, 5));
    const again = order(log);
    a();
    expect(log.durable).toBe(10);
    c();
    expect(log.durable).toBe(10);
    again();
    expect(log.durable).toBe(12);
  });
});

describe("bounds", () => {
  it("appends without gaps and never below the snapshot", () => {
    const log = logOf(3);
    expect(() => log.append(entry(13, 3))).toThrow("gaps");
    expect(() => log.truncate(10)).toThrow("after the snapshot");
    expect(() => log.truncate(12)).toThrow("after the snapshot");
    expect(() => log.compact(11)).toThrow("durable");
  });

  it("keeps what is not durable in memory, however large", () => {
    const log = new RaftLog(restored(), 0);
    for (let i = 11; i <= 20; i++) log.append(entry(i, 3));
    const done = order(log);
    log.append(entry(21, 3));
    expect(indexesOf(log.entries(11, 22, 1_000) ?? [])).toHaveLength(11);
    done();
    expect(log.entries(20, 22, 1_000)).toBeUndefined();
    expect(indexesOf(log.entries(21, 22, 1_000) ?? [])).toEqual([21]);
    expect(log.cachedBytes).toBeGreaterThan(0);
  });

  it("forgets what a checkpoint covers, but not its term", () => {
    const log = logOf(3, 3, 4);
    order(log)();
    log.compact(12);
    expect([log.firstIndex, log.term(11), log.term(12), log.term(13)]).toEqual([13, undefined, 3, 4]);
    expect(log.entries(12, 14, 100)).toBeUndefined();
    expect(log.lastIndexAtMost(13, 3)).toBe(12);
    expect(log.lastIndexAtMost(13, 1)).toBe(12);
    expect(log.lastIndexAtMost(5, 9)).toBe(12);
    expect(log.lastIndexAtMost(99, 9)).toBe(13);
  });

  it("starts over from an installed snapshot, and old completions mean nothing", () => {
    const log = logOf(3, 3);
    const old = order(log);
    log.reset({ ...start, index: 30, term: 6 });
    old();
    expect([log.firstIndex, log.lastIndex, log.durable, log.lastTerm]).toEqual([31, 30, 30, 6]);
    log.append(entry(31, 6));
    expect(indexesOf(log.takeUnpersisted().entries)).toEqual([31]);
  });
});

describe("the log as a model", () => {
  it("agrees with a disk that executes its orders, at every moment", () => {
    const step = fc.oneof(
      fc.record({ append: fc.integer({ min: 0, max: 1 }) }),
      fc.record({ truncate: fc.nat(5) }),
      fc.constant("issue" as const),
      fc.constant("complete" as const),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), fc.integer({ min: 0, max: 300 }), (steps, cacheBytes) => {
        const log = new RaftLog(restored(), cacheBytes);
        let model: Entry[] = [];
        let disk: Entry[] = [];
        let term = 3;
        const orders: (() => void)[] = [];
        const issue = (): void => {
          const { truncateFrom, entries } = log.takeUnpersisted();
          const { generation, lastIndex } = log;
          orders.push(() => {
            if (truncateFrom !== undefined) disk = disk.slice(0, truncateFrom - 11);
            disk = [...disk, ...entries];
            log.persisted(generation, lastIndex);
          });
        };
        for (const action of steps) {
          if (action === "issue") issue();
          else if (action === "complete") orders.shift()?.();
          else if ("append" in action) {
            term += action.append;
            const made = entry(11 + model.length, term, `${String(term)}/${String(model.length)}`);
            model.push(made);
            log.append(made);
          } else if (model.length > 0) {
            const from = Math.max(11, 11 + model.length - 1 - action.truncate);
            model = model.slice(0, from - 11);
            log.truncate(from);
            term++;
          }
          expect(log.lastIndex).toBe(10 + model.length);
          const durable = log.durable - 10;
          expect(disk.slice(0, durable)).toEqual(model.slice(0, durable));
          for (const { index, term: own } of model) expect(log.term(index)).toBe(own);
          const cached = log.entries(log.firstCached, log.lastIndex + 1, Infinity);
          expect(cached).toEqual(model.slice(log.firstCached - 11));
        }
        issue();
        for (const complete of orders) complete();
        expect(disk).toEqual(model);
        expect(log.durable).toBe(log.lastIndex);
      }),
      { numRuns: 300 },
    );
  });
});
