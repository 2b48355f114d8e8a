import { describe, expect, test } from "@jest/globals";
import { Xoshiro128 } from "../../../src/base/index.js";
import {
  type Fault,
  FaultyFileSystem,
  type FileCall,
  MemoryFileSystem,
  type SegmentedShardLog,
} from "../../../src/storage/index.js";
import {
  append,
  entriesFrom,
  entry,
  Fixture,
  flushed,
  INCARNATION,
  ManualTimers,
  OTHER_INCARNATION,
  segmentPath,
  settled,
  snapshotAt,
  START,
} from "./log-fixture.js";

/** A disk with a fault that can be switched on. */
class Trouble {
  readonly disk = new MemoryFileSystem();
  readonly timers = new ManualTimers();
  fault: ((call: FileCall) => Fault | undefined) | undefined;
  readonly faulty = new FaultyFileSystem(this.disk, (call) => this.fault?.(call), this.timers);
  readonly fixture = new Fixture(this.faulty);
}

const isSegment = (path: string): boolean => path.endsWith(".seg");

describe.each([
  ["a write", "writev", { type: "error", code: "EIO" }],
  ["a write that came halfway", "writev", { type: "partial", bytes: 1000, code: "ENOSPC" }],
  ["a sync", "datasync", { type: "error", code: "EIO" }],
  ["a sync whose answer is lost", "datasync", { type: "late-error", code: "EIO" }],
] as const)("an error of %s", (_name, operation, fault) => {
  test("ends the log: told once, nothing acknowledged afterwards, what was acknowledged survives", async () => {
    const trouble = new Trouble();
    const { fixture } = trouble;
    const log = await fixture.openWithGroup();
    await append(log, 1, entriesFrom(1, 5, 1));
    await settled();
    let failures = 1;
    trouble.fault = (call) =>
      call.operation === operation && isSegment(call.path) && failures-- > 0 ? fault : undefined;
    const acknowledged: string[] = [];
    void append(log, 1, entriesFrom(6, 5, 1)).then(() => acknowledged.push("the failed one"));
    const created = log.createGroup(2, OTHER_INCARNATION, START);
    await expect(created).rejects.toMatchObject({ code: fault.code });
    expect(fixture.errors).toHaveLength(1);
    expect(log.failure()).toMatchObject({ code: fault.code });
    // The disk works again, but nobody knows what is on it.
    void append(log, 1, entriesFrom(11, 5, 1)).then(() => acknowledged.push("a later one"));
    await expect(log.createGroup(3, INCARNATION, START)).rejects.toMatchObject({ code: fault.code });
    await expect(log.read(1, 12, 13, 100)).rejects.toMatchObject({ code: fault.code });
    await settled();
    await log.close();
    expect(acknowledged).toEqual([]);
    expect(fixture.errors).toHaveLength(1);
    trouble.disk.crash(new Xoshiro128(1), "tear");
    const { groups } = await fixture.open();
    expect(groups[0]?.state.lastIndex).toBeGreaterThanOrEqual(5);
    expect(groups[0]?.state.lastIndex).toBeLessThanOrEqual(10);
  });
});

describe("an error in the background", () => {
  test.each(["rename", "syncDirectory", "create", "remove"] as const)("of %s ends the log too", async (operation) => {
    const trouble = new Trouble();
    const log = await trouble.fixture.openWithGroup();
    trouble.fault = (call) => (call.operation === operation ? { type: "error", code: "EIO" } : undefined);
    for (let i = 0; i < 60 && log.failure() === undefined; i++) {
      await Promise.race([append(log, 1, entriesFrom(i * 10 + 1, 10, 1, 3000)), settled()]);
      // Give back many segments at once now and then, so that some are removed.
      if (i % 20 === 19 && log.failure() === undefined) log.checkpointed(1, snapshotAt(i * 10 + 1, 1), i * 10 + 2);
    }
    expect(trouble.fixture.errors).toMatchObject([{ code: "EIO" }]);
  });

  test("of the superblock ends the log", async () => {
    const trouble = new Trouble();
    const log = await trouble.fixture.openWithGroup();
    trouble.fault = ({ operation, path }) =>
      operation === "datasync" && path.includes("superblock") ? { type: "error", code: "EIO" } : undefined;
    for (let i = 0; i < 10 && log.failure() === undefined; i++) {
      await Promise.race([append(log, 1, entriesFrom(i * 10 + 1, 10, 1, 3000)), settled()]);
    }
    expect(trouble.fixture.errors).toMatchObject([{ code: "EIO" }]);
  });

  test("of a read fails the read alone", async () => {
    const trouble = new Trouble();
    const log = await trouble.fixture.openWithGroup();
    await append(log, 1, entriesFrom(1, 5, 1));
    trouble.fault = ({ operation }) => (operation === "read" ? { type: "error", code: "EIO" } : undefined);
    await expect(log.read(1, 1, 6, 1000)).rejects.toMatchObject({ code: "EIO" });
    trouble.fault = undefined;
    expect(await log.read(1, 1, 6, 10_000)).toHaveLength(5);
    await append(log, 1, [entry(6, 1)]);
    expect(trouble.fixture.errors).toEqual([]);
  });

  test("one bit flipped by a read is noticed", async () => {
    const trouble = new Trouble();
    const log = await trouble.fixture.openWithGroup();
    await append(log, 1, [entry(1, 1, 500)]);
    for (const bit of [0, 40, 8 * 12, 8 * 16, 8 * 30, 8 * 300]) {
      trouble.fault = ({ operation }) => (operation === "read" ? { type: "flip", bit } : undefined);
      await expect(log.read(1, 1, 2, 1000)).rejects.toThrow(/entry 1 of group 1/);
    }
  });
});

describe("a full disk", () => {
  /** Fills segments until the log fails or `flushes` are done. */
  async function fill(log: SegmentedShardLog, from: number, flushes: number): Promise<number> {
    let index = from;
    for (let i = 0; i < flushes && log.failure() === undefined; i++) {
      await Promise.race([append(log, 1, entriesFrom(index, 10, 1, 3000)), settled()]);
      index += 10;
      await settled(5);
    }
    return index;
  }

  test("is told early, survived as long as spares last, and fatal only when a segment is needed", async () => {
    const trouble = new Trouble();
    const { fixture } = trouble;
    const log = await fixture.openWithGroup({ timers: trouble.timers });
    await settled();
    expect(log.stats()).toMatchObject({ spareSegments: 2, spaceLow: false });
    trouble.fault = ({ operation, path, bytes }) =>
      operation === "writev" && isSegment(path) && bytes === 65_536 ? { type: "error", code: "ENOSPC" } : undefined;
    const next = await fill(log, 1, 2);
    expect(fixture.spaceLow).toEqual([true]);
    expect(log.stats()).toMatchObject({ spareSegments: 1, spaceLow: true });
    expect(fixture.errors).toEqual([]);
    await fill(log, next, 6);
    expect(fixture.errors).toMatchObject([{ code: "ENOSPC" }]);
  });

  test("that has room again is noticed", async () => {
    const trouble = new Trouble();
    const { fixture } = trouble;
    const log = await fixture.openWithGroup({ timers: trouble.timers });
    await settled();
    trouble.fault = ({ operation }) => (operation === "create" ? { type: "error", code: "ENOSPC" } : undefined);
    const next = await fill(log, 1, 3);
    expect(fixture.spaceLow).toEqual([true]);
    trouble.timers.fire();
    await settled();
    expect(fixture.spaceLow).toEqual([true]);
    trouble.fault = undefined;
    trouble.timers.fire();
    await settled();
    expect(fixture.spaceLow).toEqual([true, false]);
    expect(log.stats()).toMatchObject({ spareSegments: 2, spaceLow: false });
    await fill(log, next, 10);
    expect(fixture.errors).toEqual([]);
  });

  test("is helped by segments that are given back", async () => {
    const trouble = new Trouble();
    const { fixture } = trouble;
    const log = await fixture.openWithGroup({ timers: trouble.timers });
    await settled();
    trouble.fault = ({ operation }) => (operation === "create" ? { type: "error", code: "ENOSPC" } : undefined);
    const next = await fill(log, 1, 3);
    expect(log.stats().spaceLow).toBe(true);
    log.checkpointed(1, snapshotAt(next - 1, 1), next);
    await flushed(log, 1);
    await settled();
    expect(log.stats()).toMatchObject({ spaceLow: false, segments: 1 });
    await log.close();
    expect((await fixture.open()).groups[0]?.state.lastIndex).toBe(next - 1);
  });

  test("leaves no half-made segment behind", async () => {
    const trouble = new Trouble();
    const log = await trouble.fixture.openWithGroup({ timers: trouble.timers });
    await settled();
    trouble.fault = ({ operation, bytes }) =>
      operation === "writev" && bytes === 65_536 ? { type: "partial", bytes: 5000, code: "ENOSPC" } : undefined;
    await fill(log, 1, 3);
    expect(log.stats().spaceLow).toBe(true);
    expect(await trouble.disk.exists(segmentPath(4))).toBe(false);
  });

  test("at the very first start fails the start, and the next one works", async () => {
    const trouble = new Trouble();
    trouble.fault = ({ operation, bytes }) =>
      operation === "writev" && bytes === 65_536 ? { type: "error", code: "ENOSPC" } : undefined;
    await expect(trouble.fixture.open()).rejects.toMatchObject({ code: "ENOSPC" });
    trouble.fault = undefined;
    expect((await trouble.fixture.open()).groups).toEqual([]);
  });
});

describe("a slow disk", () => {
  test("delays acknowledgements and gathers what comes meanwhile", async () => {
    const trouble = new Trouble();
    const log = await trouble.fixture.openWithGroup();
    await settled();
    trouble.fault = ({ operation, path }) =>
      operation === "datasync" && isSegment(path) ? { type: "slow", delayMs: 10_000 } : undefined;
    let acknowledged = 0;
    const submit = (index: number): void => {
      void append(log, 1, [entry(index, 1)]).then(() => acknowledged++);
    };
    submit(1);
    await settled();
    for (let i = 2; i <= 100; i++) submit(i);
    await settled();
    expect(acknowledged).toBe(0);
    expect(log.stats().pendingBytes).toBeGreaterThan(10_000);
    trouble.timers.fire();
    await settled();
    expect(acknowledged).toBe(1);
    trouble.timers.fire();
    await settled();
    expect(acknowledged).toBe(100);
    expect(log.stats().pendingBytes).toBe(0);
  });

  test("of which spares are made slowly does not hold up flushes", async () => {
    const trouble = new Trouble();
    trouble.fault = ({ operation, path, bytes }) =>
      operation === "writev" && bytes === 65_536 && !path.includes("001.seg")
        ? { type: "slow", delayMs: 60_000 }
        : undefined;
    const log = await trouble.fixture.openWithGroup();
    await append(log, 1, entriesFrom(1, 10, 1, 3000));
    expect(log.stats().spareSegments).toBe(0);
    expect(log.bytesAfter(1, 0)).toBeGreaterThan(30_000);
  });
});
