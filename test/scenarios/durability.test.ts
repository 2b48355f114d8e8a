import { describe, expect, it, jest } from "@jest/globals";
import { Xoshiro128 } from "../../src/base/index.js";
import { defaultRaftOptions, RaftCore } from "../../src/raft/index.js";
import {
  FaultyFileSystem,
  MemoryCheckpointDisk,
  MemoryFileSystem,
  openMemoryCheckpointStore,
  type Row,
} from "../../src/storage/index.js";
import { entriesOfTerms, Solo } from "../raft/solo.js";
import {
  append,
  brief,
  entriesFrom,
  entry,
  Fixture,
  flushed,
  OTHER_INCARNATION,
  segmentPath,
  settled,
  snapshotAt,
  START,
} from "../storage/wal/log-fixture.js";

/** Published bugs in what is durable before what; the index is docs/SCENARIOS.md. */

// Processor time is about a second; a busy machine may take its time.
jest.setTimeout(60_000);

const row = (key: string, value: string): Row => ({ key: Buffer.from(key), value: Buffer.from(value) });

/*
 * etcd wrote the index up to which it had applied without the data of it, and Ra one beyond the end of its log: one replica went
 * on with a gap, the other could not start. An entry is applied only when it is durable (`#applicable` in src/raft/raft.ts), and a
 * checkpoint's rows and the row with its index are one atomic write (`write` in src/storage/checkpoint-engine.ts).
 * Fails when `#applicable` is the commit index alone; when the root is written before the rows.
 */
describe("R10: the applied index is ahead of the data or of the log", () => {
  it("what is committed waits for the own disk before it may be applied", () => {
    const solo = new Solo();
    solo.append(2, 1, 0, 0, entriesOfTerms(1, 1, 1), 3);
    expect(solo.status).toMatchObject({ commit: 3, durable: 0 });
    solo.apply();
    expect([solo.replica.commitTarget, solo.status.applied]).toEqual([0, 0]);
    solo.flush().apply();
    expect([solo.replica.commitTarget, solo.status.applied]).toEqual([3, 3]);
  });

  it("a crash between any two writes of a checkpoint leaves an index that its rows reach", async () => {
    for (let writes = 0; writes <= 2; writes++) {
      const disk = new MemoryCheckpointDisk();
      const store = await openMemoryCheckpointStore(disk);
      await store.write(1, { snapshot: snapshotAt(10, 1), puts: [row("a", "ten")], deletes: [] });
      disk.failWrites("EIO", writes);
      await store
        .write(1, { snapshot: snapshotAt(20, 1), puts: [row("a", "twenty"), row("b", "new")], deletes: [] })
        .catch(() => undefined);
      disk.crash();
      disk.failWrites(undefined);
      const again = await openMemoryCheckpointStore(disk);
      const root = await again.open(1);
      const value = Buffer.from((await again.get(1, Buffer.from("a"))) ?? []).toString();
      expect([writes, root?.snapshot.index, root?.rowCount, value]).toEqual(
        writes === 0 ? [0, 10, 1, "ten"] : [writes, 20, 2, "twenty"],
      );
    }
  });
});

/*
 * A store under openraft could write entries of a term before the term itself, and a crash in between lost a vote that had been
 * given. There is one log, in which term and vote come before the entries of their order: `encodeOrder` in
 * src/storage/wal/submission-encoder.ts.
 * Fails when term and vote go with the last part of an order that is spread over several frames.
 */
describe("R12: entries are durable before their term", () => {
  it("an order that a crash cuts between two frames has its term in the first", async () => {
    const disk = new MemoryFileSystem();
    let writes = 0;
    let tolerated = Infinity;
    const faulty = new FaultyFileSystem(disk, ({ operation, path }) => {
      if (operation !== "writev" || !path.endsWith(".seg")) return undefined;
      return ++writes > tolerated ? { type: "error", code: "EIO" } : undefined;
    });
    const fixture = new Fixture(faulty);
    const log = await fixture.openWithGroup({ segmentBytes: 16 * 1024 * 1024, spares: 0 });
    await append(log, 1, entriesFrom(1, 2, 1));
    await settled();
    // Three entries of 7 MiB: a frame takes two of them. Their segment is prepared in sixteen writes of 1 MiB.
    writes = 0;
    tolerated = 16 + 1;
    void append(log, 1, entriesFrom(3, 3, 9, 7 * 1024 * 1024));
    while (fixture.errors.length === 0) await settled(1);
    disk.crash(new Xoshiro128(1), "lose");

    fixture.fileSystem = disk;
    const { log: again, groups } = await fixture.open();
    const { state } = groups[0]!;
    expect(state).toMatchObject({ lastIndex: 4, hard: { term: 9, vote: 1 } });
    const core = new RaftCore({ ...defaultRaftOptions, id: 1, rng: new Xoshiro128(1) }, state);
    expect(core.status()).toMatchObject({ term: 9, lastIndex: 4 });
    await again.close();
  });
});

/*
 * In Ra and NATS a reader could get what a truncation had just replaced. A read waits for truncations that are queued or on their
 * way to the disk: `readableLast` in src/storage/wal/group-log.ts.
 * Fails when it does not count them.
 */
describe("R21: truncated entries are read back from the log", () => {
  it("a read after a truncation was ordered shows the new entries only", async () => {
    const log = await new Fixture().openWithGroup();
    await append(log, 1, entriesFrom(1, 6, 1));
    const replaced = append(log, 1, [entry(3, 2), entry(4, 2)], 3);
    expect(brief(await log.read(1, 2, 7, 10_000))).toEqual(brief([entry(2, 1)]));
    expect(brief(await log.read(1, 3, 7, 10_000))).toEqual(brief([entry(3, 2), entry(4, 2)]));
    await replaced;
    await log.close();
  });
});

/*
 * Ra's log writer knew the last index of an idle queue from its files alone, and when they were gone it took any next entry: a gap.
 * Each segment begins with the whole state of every group, so that older segments may go: `encodeIndex` in
 * src/storage/wal/submission-encoder.ts.
 * Fails when a segment begins without it.
 */
describe("R22: the last index of a group is forgotten with its last file", () => {
  it("an idle group whose segments were used again continues where it ended, after a crash too", async () => {
    const disk = new MemoryFileSystem();
    const fixture = new Fixture(disk);
    const log = await fixture.openWithGroup();
    await log.createGroup(2, OTHER_INCARNATION, START);
    await append(log, 2, entriesFrom(1, 7, 3));
    log.checkpointed(2, snapshotAt(7, 3), 8);
    for (let i = 0; i < 8; i++) {
      await append(log, 1, entriesFrom(i * 10 + 1, 10, 1, 2_000));
      log.checkpointed(1, snapshotAt(i * 10 + 10, 1), i * 10 + 11);
    }
    await flushed(log, 1);
    await settled();
    expect(log.stats().segments).toBe(1);
    disk.crash(new Xoshiro128(1), "lose");

    const { log: again, groups } = await fixture.open();
    expect(groups[1]?.state).toMatchObject({ lastIndex: 7, snapshot: snapshotAt(7, 3), hard: { term: 3, vote: 1 } });
    await expect(append(again, 2, [entry(9, 3)])).rejects.toThrow("entry 9 does not follow entry 7");
    await append(again, 2, [entry(8, 3)]);
    await again.close();
  });
});

/*
 * Ra deleted a file of its log when a range of a queue had been written elsewhere, although another range in it was still needed.
 * A segment is given back only when no group's first needed entry lies in it or before it: `retireUnneeded` in
 * src/storage/wal/open-shard-log.ts, at work and in recovery.
 * Fails when it looks at the newest segment alone.
 */
describe("R23: a segment goes that is still referenced", () => {
  /** Group 2 needs entries 4 to 6 of the first segment; group 1 fills and gives back one segment after the other. */
  async function work(fixture: Fixture): Promise<void> {
    const log = await fixture.openWithGroup({ segmentBytes: 32 * 1024, spares: 1 });
    await log.createGroup(2, OTHER_INCARNATION, START);
    await append(log, 2, entriesFrom(1, 6, 3));
    log.checkpointed(2, snapshotAt(5, 3), 4);
    for (let i = 0; i < 3; i++) {
      await append(log, 1, entriesFrom(i * 5 + 1, 5, 1, 4_000));
      log.checkpointed(1, snapshotAt(i * 5 + 5, 1), i * 5 + 6);
    }
    await flushed(log, 1);
    await settled(10);
  }

  const needed = brief(entriesFrom(4, 3, 3));

  it("a crash after any change of the disk leaves what the group still needs, also for the start after the next", async () => {
    const counting = new FaultyFileSystem(new MemoryFileSystem(), () => undefined);
    await work(new Fixture(counting));
    const { mutations } = counting;
    expect(mutations).toBeGreaterThan(25);
    let found = 0;
    for (let last = 1; last <= mutations; last++) {
      const disk = new MemoryFileSystem();
      const faulty = new FaultyFileSystem(disk, ({ mutation }) =>
        mutation > last ? { type: "error", code: "EIO" } : undefined,
      );
      const fixture = new Fixture(faulty);
      const progress = { ended: false };
      const end = (): void => {
        progress.ended = true;
      };
      work(fixture).then(end, end);
      while (!progress.ended && fixture.errors.length === 0) await settled(1);
      disk.crash(new Xoshiro128(last), last % 2 === 0 ? "lose" : "tear");
      for (let start = 0; start < 2; start++) {
        const { log, groups } = await new Fixture(disk).open({ segmentBytes: 32 * 1024, spares: 1 });
        const group = groups.find(({ group: number }) => number === 2);
        if ((group?.state.lastIndex ?? 0) >= 6) {
          found++;
          expect(brief(await log.read(2, 4, 7, 10_000))).toEqual(needed);
        }
        await settled(3);
      }
    }
    expect(found).toBeGreaterThan(mutations);
  });
});

/*
 * A queue that was deleted and made again in Ra got entries of the old one, which were still in the log when the server crashed. A
 * removal is a record of the log, every record carries its group's random incarnation, and recovery takes nothing of another one:
 * `#applyGroup` and `#logOf` in src/storage/wal/replay.ts.
 * Fails when the removal is not written; when recovery goes on with the old group.
 */
describe("R32: a group that was made again picks up the old log", () => {
  it("finds only its own entries, although the old ones are still in the file", async () => {
    for (const crash of ["lose", "tear", "keep"] as const) {
      const disk = new MemoryFileSystem();
      const fixture = new Fixture(disk);
      const log = await fixture.openWithGroup();
      await append(log, 1, entriesFrom(1, 9, 5));
      await log.removeGroup(1);
      await log.createGroup(1, OTHER_INCARNATION, START);
      await append(log, 1, entriesFrom(1, 2, 1));
      await settled();
      disk.crash(new Xoshiro128(3), crash);
      expect(await disk.exists(segmentPath(1))).toBe(true);

      const { log: again, groups } = await fixture.open();
      expect(groups).toMatchObject([{ incarnation: OTHER_INCARNATION, state: { lastIndex: 2, hard: { term: 1 } } }]);
      expect(brief(await again.read(1, 1, 99, 10_000))).toEqual(brief(entriesFrom(1, 2, 1)));
      await again.close();
    }
  });

  it("finds nothing when it was not made again, and is then new under another incarnation", async () => {
    const disk = new MemoryFileSystem();
    const fixture = new Fixture(disk);
    const log = await fixture.openWithGroup();
    await append(log, 1, entriesFrom(1, 9, 5));
    await log.removeGroup(1);
    disk.crash(new Xoshiro128(3), "lose");
    const { log: again, groups } = await fixture.open();
    expect(groups).toEqual([]);
    await again.createGroup(1, OTHER_INCARNATION, START);
    expect(await again.read(1, 1, 99, 10_000)).toEqual([]);
    await again.close();
  });
});
