import { describe, expect, test } from "@jest/globals";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { encodeConfiguration } from "../../../src/raft/configuration-codec.js";
import { DataDirectoryError, FaultyFileSystem, MemoryFileSystem, RealFileSystem } from "../../../src/storage/index.js";
import {
  append,
  brief,
  entriesFrom,
  entry,
  Fixture,
  flushed,
  INCARNATION,
  ManualTimers,
  OTHER_INCARNATION,
  settled,
  snapshotAt,
  START,
} from "./log-fixture.js";

describe("opening and closing", () => {
  test("a new log is empty and says that it is new", async () => {
    const fixture = new Fixture();
    const opened = await fixture.open();
    expect(opened.groups).toEqual([]);
    expect(opened.created).toBe(true);
    await opened.log.close();
    expect((await fixture.open()).created).toBe(false);
  });

  test("what was appended is found again", async () => {
    const fixture = new Fixture();
    const log = await fixture.openWithGroup();
    await log.createGroup(70_000, OTHER_INCARNATION, snapshotAt(100, 3));
    await append(log, 1, [...entriesFrom(1, 3, 1), ...entriesFrom(4, 2, 2)]);
    await append(log, 70_000, entriesFrom(101, 1, 4));
    await log.close();
    await log.close();
    const { log: again, groups } = await fixture.open();
    expect(groups).toEqual([
      {
        group: 1,
        incarnation: INCARNATION,
        state: {
          hard: { term: 2, vote: 1, commit: 0 },
          snapshot: START,
          termRuns: [
            { from: 1, term: 1 },
            { from: 4, term: 2 },
          ],
          lastIndex: 5,
          configurations: [],
        },
      },
      {
        group: 70_000,
        incarnation: OTHER_INCARNATION,
        state: {
          hard: { term: 4, vote: 1, commit: 0 },
          snapshot: snapshotAt(100, 3),
          termRuns: [{ from: 101, term: 4 }],
          lastIndex: 101,
          configurations: [],
        },
      },
    ]);
    expect(brief(await again.read(1, 1, 6, 1_000_000))).toEqual(
      brief([...entriesFrom(1, 3, 1), ...entriesFrom(4, 2, 2)]),
    );
    expect(fixture.errors).toEqual([]);
  });

  test("configurations in the log are decoded, and forgotten when cut", async () => {
    const fixture = new Fixture();
    const log = await fixture.openWithGroup();
    const configuration = { voters: [1, 2, 3], outgoing: [1, 2], learners: [9] };
    const data = encodeConfiguration(configuration);
    await append(log, 1, [entry(1, 1), { index: 2, term: 1, kind: 2, data }, { index: 3, term: 1, kind: 2, data }]);
    await append(log, 1, [entry(3, 2)], 3);
    await log.close();
    expect((await fixture.open()).groups[0]?.state.configurations).toEqual([{ index: 2, configuration }]);
  });

  test("another cluster's, node's or shard's log is refused, naming both", async () => {
    const fixture = new Fixture();
    await (await fixture.openWithGroup()).close();
    for (const other of [{ clusterId: "other" }, { nodeId: "other" }, { shard: 7 }]) {
      await expect(fixture.open(other)).rejects.toThrow(DataDirectoryError);
    }
    await expect(fixture.open({ nodeId: "other" })).rejects.toThrow(/node node, shard 0.*node other, shard 0/);
  });

  test("segments of another size are still read", async () => {
    const fixture = new Fixture();
    const log = await fixture.openWithGroup();
    await append(log, 1, entriesFrom(1, 10, 1, 5000));
    await append(log, 1, entriesFrom(11, 10, 1, 5000));
    await log.close();
    const { log: larger } = await fixture.open({ segmentBytes: 128 * 1024 });
    expect(brief(await larger.read(1, 1, 21, 1_000_000))).toEqual(brief(entriesFrom(1, 20, 1, 5000)));
    await append(larger, 1, entriesFrom(21, 10, 1, 5000));
    await larger.close();
    const { log: smaller } = await fixture.open({ segmentBytes: 32 * 1024 });
    await append(smaller, 1, entriesFrom(31, 1, 1));
    expect(await smaller.read(1, 1, 32, 1_000_000)).toHaveLength(31);
    await smaller.close();
  });

  test("works on a real disk as in memory", async () => {
    const folder = await mkdtemp(`${tmpdir()}/log-`);
    const fixture = new Fixture(new RealFileSystem());
    const log = await fixture.openWithGroup({ directory: `${folder}/shard/wal` });
    for (let i = 0; i < 20; i++) await append(log, 1, entriesFrom(i * 5 + 1, 5, 1, i % 3 === 0 ? 5000 : 50));
    log.checkpointed(1, snapshotAt(60, 1), 50);
    await log.close();
    const { log: again, groups } = await fixture.open({ directory: `${folder}/shard/wal` });
    expect(groups[0]?.state).toMatchObject({ snapshot: snapshotAt(60, 1), lastIndex: 100 });
    expect(again.firstIndex(1)).toBe(50);
    expect(await again.read(1, 50, 101, 1_000_000)).toHaveLength(51);
    await again.close();
    await rm(folder, { recursive: true });
  });
});

describe("orders", () => {
  test("become durable in the order of their submission, and not before the sync returned", async () => {
    const timers = new ManualTimers();
    const slow = { type: "slow", delayMs: 1 } as const;
    let stall = false;
    const faulty = new FaultyFileSystem(
      new MemoryFileSystem(),
      ({ operation }) => (stall && operation === "datasync" ? slow : undefined),
      timers,
    );
    const fixture = new Fixture(faulty);
    const log = await fixture.openWithGroup();
    await log.createGroup(2, OTHER_INCARNATION, START);
    stall = true;
    const order: number[] = [];
    for (let i = 1; i <= 6; i++) {
      const group = 1 + (i % 2);
      void append(log, group, [entry(Math.ceil(i / 2), 1)]).then(() => order.push(i));
    }
    await settled();
    expect(order).toEqual([]);
    expect(log.stats().flushes).toBe(3);
    stall = false;
    timers.fire();
    await settled();
    expect(order).toEqual([1, 2, 3, 4, 5, 6]);
    expect(log.stats().flushes).toBe(4);
  });

  test("of all groups that come during a flush ride on the next one", async () => {
    const flushes: { bytes: number; orders: number }[] = [];
    const fixture = new Fixture();
    const observer = { flushed: (bytes: number, orders: number) => void flushes.push({ bytes, orders }) };
    const log = await fixture.openWithGroup({ observer });
    const before = flushes.length;
    await Promise.all(entriesFrom(1, 50, 1).map((one) => append(log, 1, [one])));
    expect(flushes.slice(before)).toEqual([{ bytes: 12_288, orders: 50 }]);
  });

  test("that nobody waits for are written with the next flush, or at the close", async () => {
    const fixture = new Fixture();
    const log = await fixture.openWithGroup();
    await append(log, 1, entriesFrom(1, 3, 1));
    const done: string[] = [];
    const lazy = (commit: number): void => {
      const hard = { term: 1, vote: 1, commit };
      log.submit({ group: 1, hard, truncateFrom: undefined, entries: [], mustSync: false }, () =>
        done.push(`commit ${String(commit)}`),
      );
    };
    lazy(1);
    await settled();
    expect(done).toEqual([]);
    expect(log.stats().pendingBytes).toBeGreaterThan(0);
    await flushed(log, 1);
    expect(done).toEqual(["commit 1"]);
    lazy(3);
    await log.close();
    expect(done).toEqual(["commit 1", "commit 3"]);
    expect((await fixture.open()).groups[0]?.state.hard).toEqual({ term: 1, vote: 1, commit: 3 });
  });

  test("larger than a frame are spread over several, and acknowledged once at the end", async () => {
    const fixture = new Fixture();
    const log = await fixture.openWithGroup({ segmentBytes: 32 * 1024 });
    const entries = entriesFrom(1, 45, 1, 1_000_000);
    const before = log.stats().flushes;
    await append(log, 1, entries);
    expect(log.stats().flushes - before).toBe(3);
    expect(brief(await log.read(1, 44, 46, 10_000_000))).toEqual(brief(entries.slice(43)));
    await append(log, 1, [entry(46, 1)]);
    await log.close();
    const { log: again, groups } = await fixture.open({ segmentBytes: 32 * 1024 });
    expect(groups[0]?.state.lastIndex).toBe(46);
    expect(brief(await again.read(1, 20, 21, 1))).toEqual(brief(entries.slice(19, 20)));
  });

  test("never claim a commit beyond what their frame holds", async () => {
    const fixture = new Fixture();
    const log = await fixture.openWithGroup();
    const entries = entriesFrom(1, 2, 1);
    await new Promise<void>((resolve) => {
      log.submit(
        { group: 1, hard: { term: 1, vote: 1, commit: 50 }, truncateFrom: undefined, entries, mustSync: true },
        resolve,
      );
    });
    await log.close();
    expect((await fixture.open()).groups[0]?.state.hard.commit).toBe(2);
  });

  test("that would leave a gap, cut below the checkpoint, or name no group are programmer errors", async () => {
    const fixture = new Fixture();
    const log = await fixture.openWithGroup();
    await append(log, 1, entriesFrom(1, 10, 1));
    log.checkpointed(1, snapshotAt(5, 1), 6);
    const order = { group: 1, hard: undefined, truncateFrom: undefined, entries: [], mustSync: true };
    const submit = (more: object) => (): void => {
      log.submit({ ...order, ...more }, () => undefined);
    };
    expect(submit({ entries: [entry(12, 1)] })).toThrow(/entry 12 does not follow entry 10/);
    expect(submit({ entries: [entry(10, 1)] })).toThrow(/does not follow/);
    expect(submit({ truncateFrom: 12 })).toThrow(/gap/);
    expect(submit({ truncateFrom: 5 })).toThrow(/below the checkpoint/);
    expect(submit({ group: 9 })).toThrow(/group 9/);
    expect(submit({ entries: [entry(11, 1, 9_000_000)] })).toThrow(/too large/);
    expect(() => {
      log.checkpointed(1, snapshotAt(11, 1), 6);
    }).toThrow(/ahead of the log/);
    expect(() => {
      log.checkpointed(1, snapshotAt(7, 1), 9);
    }).toThrow(/still needed/);
    await append(log, 1, [entry(11, 1)]);
    await log.close();
    expect(submit({})).toThrow(/closed/);
  });
});

describe("reading", () => {
  test("gives at least one entry, and no more bytes than asked for", async () => {
    const log = await new Fixture().openWithGroup();
    await append(log, 1, entriesFrom(1, 10, 1, 1000));
    expect(brief(await log.read(1, 3, 11, 1))).toEqual(brief([entry(3, 1, 1000)]));
    expect(brief(await log.read(1, 3, 11, 3000))).toEqual(brief(entriesFrom(3, 3, 1, 1000)));
    expect(brief(await log.read(1, 3, 5, 99_999))).toEqual(brief(entriesFrom(3, 2, 1, 1000)));
    expect(brief(await log.read(1, 9, 99, 99_999))).toEqual(brief(entriesFrom(9, 2, 1, 1000)));
    expect(brief(await log.read(1, 11, 12, 99_999))).toEqual(brief([]));
    expect(brief(await log.read(1, 5, 5, 99_999))).toEqual(brief([]));
    expect(brief(await log.read(7, 1, 2, 99_999))).toEqual(brief([]));
  });

  test("spans segments and other groups' entries", async () => {
    const log = await new Fixture().openWithGroup();
    await log.createGroup(2, OTHER_INCARNATION, START);
    for (let i = 1; i <= 60; i++) {
      void append(log, 1, [entry(i, 1, 700)]);
      await append(log, 2, [entry(i, 1, i % 9 === 0 ? 20_000 : 2000)]);
    }
    expect(log.stats().segments).toBeGreaterThan(3);
    expect(brief(await log.read(1, 1, 61, 1_000_000))).toEqual(brief(entriesFrom(1, 60, 1, 700)));
  });

  test("of entries that are not on disk yet waits for their flush", async () => {
    const log = await new Fixture().openWithGroup();
    void append(log, 1, entriesFrom(1, 3, 1));
    expect(brief(await log.read(1, 2, 4, 1000))).toEqual(brief(entriesFrom(2, 2, 1)));
    log.submit(
      { group: 1, hard: undefined, truncateFrom: undefined, entries: [entry(4, 1)], mustSync: false },
      () => undefined,
    );
    expect(brief(await log.read(1, 4, 5, 1000))).toEqual(brief([entry(4, 1)]));
  });

  test("never returns what a truncation replaced", async () => {
    const log = await new Fixture().openWithGroup();
    await append(log, 1, entriesFrom(1, 5, 1));
    void append(log, 1, entriesFrom(3, 2, 2), 3);
    expect(brief(await log.read(1, 1, 6, 10_000))).toEqual(brief(entriesFrom(1, 2, 1)));
    await flushed(log, 1);
    expect(brief(await log.read(1, 1, 6, 10_000))).toEqual(brief([...entriesFrom(1, 2, 1), ...entriesFrom(3, 2, 2)]));
  });

  test("waits for a flush under way, and meanwhile shows neither what it cuts off nor what it brings", async () => {
    const timers = new ManualTimers();
    let stall = false;
    const slow = { type: "slow", delayMs: 1 } as const;
    const faulty = new FaultyFileSystem(
      new MemoryFileSystem(),
      ({ operation }) => (stall && operation === "datasync" ? slow : undefined),
      timers,
    );
    const log = await new Fixture(faulty).openWithGroup();
    await append(log, 1, entriesFrom(1, 5, 1));
    await settled();
    stall = true;
    void append(log, 1, entriesFrom(3, 2, 2), 3);
    await settled();
    expect(brief(await log.read(1, 1, 6, 10_000))).toEqual(brief(entriesFrom(1, 2, 1)));
    let read = false;
    const reading = log.read(1, 3, 6, 10_000).finally(() => (read = true));
    await settled();
    expect(read).toBe(false);
    timers.fire();
    expect(brief(await reading)).toEqual(brief(entriesFrom(3, 2, 2)));
  });

  test("keeps a segment from being used again until it is done", async () => {
    const timers = new ManualTimers();
    let stall = false;
    const faulty = new FaultyFileSystem(
      new MemoryFileSystem(),
      ({ operation }) => (stall && operation === "read" ? { type: "slow", delayMs: 1 } : undefined),
      timers,
    );
    const fixture = new Fixture(faulty);
    const log = await fixture.openWithGroup();
    await append(log, 1, entriesFrom(1, 10, 1, 3000));
    stall = true;
    const reading = log.read(1, 1, 11, 1_000_000);
    for (let i = 0; i < 40; i++) await append(log, 1, entriesFrom(11 + i * 5, 5, 1, 3000));
    log.checkpointed(1, snapshotAt(200, 1), 201);
    for (let i = 0; i < 10; i++) await append(log, 1, entriesFrom(211 + i * 5, 5, 1, 3000));
    timers.fire();
    expect(brief(await reading)).toEqual(brief(entriesFrom(1, 10, 1, 3000)));
    expect(fixture.errors).toEqual([]);
  });

  test("counts what a restart would read: padding too, of which each group has its share", async () => {
    const fixture = new Fixture();
    const log = await fixture.openWithGroup();
    await log.createGroup(2, INCARNATION, START);
    for (let i = 1; i <= 10; i++) await append(log, 1, entriesFrom(i, 1, 1, 50));
    expect(log.bytesAfter(1, 0)).toBe(10 * 4_096);
    expect(log.bytesAfter(1, 4)).toBe(6 * 4_096);
    expect(log.bytesAfter(1, 10)).toBe(0);
    // One frame for both: three entries of 96 bytes pay for themselves, and for a third of the rest each.
    await Promise.all([append(log, 1, entriesFrom(11, 1, 1, 50)), append(log, 2, entriesFrom(1, 2, 1, 50))]);
    expect(Math.abs(log.bytesAfter(1, 10) - 4_096 / 3)).toBeLessThan(1);
    expect(Math.abs(log.bytesAfter(2, 0) - (4_096 * 2) / 3)).toBeLessThan(1);
    log.checkpointed(1, snapshotAt(4, 1), 5);
    await flushed(log, 1);
    expect(log.firstIndex(1)).toBe(5);
    const counts = [log.bytesAfter(1, 4), log.bytesAfter(1, 8), log.bytesAfter(1, 10), log.bytesAfter(2, 0)];
    await log.close();
    const { log: again } = await fixture.open();
    expect([again.bytesAfter(1, 4), again.bytesAfter(1, 8), again.bytesAfter(1, 10), again.bytesAfter(2, 0)]).toEqual(
      counts,
    );
  });
});

describe("groups", () => {
  test("removed and made again under the same number start empty (a crash may come before the old entries are gone)", async () => {
    const disk = new MemoryFileSystem();
    const fixture = new Fixture(disk);
    const log = await fixture.openWithGroup();
    await append(log, 1, entriesFrom(1, 10, 5));
    await log.removeGroup(1);
    await log.createGroup(1, OTHER_INCARNATION, START);
    await append(log, 1, entriesFrom(1, 2, 1));
    // No close: the process dies.
    const { log: again, groups } = await fixture.open();
    expect(groups).toMatchObject([{ incarnation: OTHER_INCARNATION, state: { hard: { term: 1 }, lastIndex: 2 } }]);
    expect(brief(await again.read(1, 1, 11, 10_000))).toEqual(brief(entriesFrom(1, 2, 1)));
  });

  test("can be removed and made again before anything is flushed", async () => {
    const fixture = new Fixture();
    const { log } = await fixture.open();
    const all = [log.createGroup(1, INCARNATION, START), append(log, 1, entriesFrom(1, 3, 1)), log.removeGroup(1)];
    all.push(log.createGroup(1, OTHER_INCARNATION, START), append(log, 1, entriesFrom(1, 1, 2)));
    await Promise.all(all);
    await log.close();
    expect((await fixture.open()).groups).toMatchObject([{ incarnation: OTHER_INCARNATION, state: { lastIndex: 1 } }]);
  });

  test("that exist cannot be made, those that do not cannot be removed", async () => {
    const log = await new Fixture().openWithGroup();
    expect(() => log.createGroup(1, OTHER_INCARNATION, START)).toThrow(/exists/);
    expect(() => log.createGroup(2, "xyz", START)).toThrow(/incarnation/);
    expect(() => log.removeGroup(2)).toThrow(/not in the log/);
  });

  test("in thousands fit at the head of every segment", async () => {
    const fixture = new Fixture();
    const { log } = await fixture.open({ segmentBytes: 1024 * 1024 });
    const made: Promise<void>[] = [];
    for (let i = 0; i < 5000; i++) made.push(log.createGroup(i, INCARNATION, START));
    await Promise.all(made);
    for (let i = 1; i <= 20; i++) await append(log, 4999, [entry(i, 1, 50_000)]);
    expect(log.stats().segments).toBeGreaterThan(1);
    await log.close();
    const { groups } = await fixture.open({ segmentBytes: 1024 * 1024 });
    expect(groups).toHaveLength(5000);
    expect(groups[4999]?.state.lastIndex).toBe(20);
  });

  test("replaced by a snapshot go on after it", async () => {
    const fixture = new Fixture();
    const log = await fixture.openWithGroup();
    await append(log, 1, entriesFrom(1, 10, 1));
    const installed = log.installSnapshot(1, snapshotAt(50, 4), { term: 5, vote: 2, commit: 40 });
    await append(log, 1, entriesFrom(51, 2, 5));
    await installed;
    expect(log.firstIndex(1)).toBe(51);
    expect(brief(await log.read(1, 5, 52, 1000))).toEqual(brief([]));
    // A checkpoint that was under way is out of date.
    log.checkpointed(1, snapshotAt(8, 1), 9);
    await log.close();
    const { groups } = await fixture.open();
    expect(groups[0]?.state).toMatchObject({
      snapshot: snapshotAt(50, 4),
      lastIndex: 52,
      termRuns: [{ from: 51, term: 5 }],
      hard: { term: 5, vote: 1, commit: 0 },
    });
  });
});

describe("retention", () => {
  test("keeps the last index of a group whose segments are all gone", async () => {
    const disk = new MemoryFileSystem();
    const fixture = new Fixture(disk);
    const log = await fixture.openWithGroup();
    await log.createGroup(2, OTHER_INCARNATION, START);
    await append(log, 2, entriesFrom(1, 30, 3));
    log.checkpointed(2, snapshotAt(30, 3), 31);
    for (let i = 0; i < 20; i++) {
      await append(log, 1, entriesFrom(i * 10 + 1, 10, 1, 2000));
      log.checkpointed(1, snapshotAt(i * 10 + 10, 1), i * 10 + 11);
    }
    await flushed(log, 1);
    await settled();
    expect(await disk.exists("/data/wal/000000000001.seg")).toBe(false);
    expect(log.stats().segments).toBe(1);
    // No close: the process dies, and the group must not accept a gap.
    const { log: again, groups } = await fixture.open();
    expect(groups[1]).toMatchObject({
      group: 2,
      state: { lastIndex: 30, hard: { term: 3, vote: 1 }, snapshot: snapshotAt(30, 3) },
    });
    expect(() =>
      again.submit(
        { group: 2, hard: undefined, truncateFrom: undefined, entries: [entry(32, 3)], mustSync: true },
        () => undefined,
      ),
    ).toThrow(/does not follow entry 30/);
    await append(again, 2, [entry(31, 3)]);
  });

  test("gives nothing back that any group still needs, and names the group", async () => {
    const fixture = new Fixture();
    const log = await fixture.openWithGroup();
    await log.createGroup(2, OTHER_INCARNATION, START);
    await append(log, 2, entriesFrom(1, 2, 3));
    for (let i = 0; i < 20; i++) await append(log, 1, entriesFrom(i * 10 + 1, 10, 1, 2000));
    log.checkpointed(1, snapshotAt(200, 1), 201);
    await flushed(log, 1);
    const { segments } = log.stats();
    expect(segments).toBeGreaterThan(5);
    expect(log.pinning(10)).toEqual([2]);
    expect(brief(await log.read(2, 1, 3, 1000))).toEqual(brief(entriesFrom(1, 2, 3)));
    log.checkpointed(2, snapshotAt(2, 3), 2);
    await flushed(log, 1);
    expect(log.stats().segments).toBe(segments);
    log.checkpointed(2, snapshotAt(2, 3), 3);
    await flushed(log, 1);
    expect(log.stats().segments).toBe(1);
    expect(log.pinning(10)).toEqual([]);
  });

  test("a removed group pins nothing", async () => {
    const log = await new Fixture().openWithGroup();
    await log.createGroup(2, OTHER_INCARNATION, START);
    await append(log, 2, entriesFrom(1, 2, 3));
    for (let i = 0; i < 10; i++) await append(log, 1, entriesFrom(i * 10 + 1, 10, 1, 2000));
    log.checkpointed(1, snapshotAt(100, 1), 101);
    await log.removeGroup(2);
    expect(log.stats().segments).toBe(1);
  });

  test("uses files again instead of making new ones", async () => {
    const disk = new MemoryFileSystem();
    let created = 0;
    const counting = new FaultyFileSystem(disk, ({ operation }) => {
      if (operation === "create") created++;
      return undefined;
    });
    const fixture = new Fixture(counting);
    const log = await fixture.openWithGroup();
    for (let i = 0; i < 100; i++) {
      await append(log, 1, entriesFrom(i * 10 + 1, 10, 1, 2000));
      log.checkpointed(1, snapshotAt(i * 10 + 10, 1), i * 10 + 11);
    }
    expect(log.stats().bytesWritten).toBeGreaterThan(30 * 65_536);
    expect(created).toBeLessThan(16);
    const names = (await disk.list("/data/wal")).filter((name) => name.endsWith(".seg"));
    expect(names.length).toBeLessThan(10);
    await log.close();
    await fixture.open();
  });
});
