import { beforeAll, describe, expect, test } from "@jest/globals";
import { Xoshiro128 } from "../../../src/base/index.js";
import { checksum } from "../../../src/storage/checksum.js";
import { CorruptionError, DataDirectoryError, FaultyFileSystem, MemoryFileSystem } from "../../../src/storage/index.js";
import { changed, type DiskImage, diskWith, imageOf } from "./disk-image.js";
import {
  append,
  brief,
  DIRECTORY,
  entriesFrom,
  entry,
  Fixture,
  flushed,
  OTHER_INCARNATION,
  settled,
  snapshotAt,
  START,
} from "./log-fixture.js";
import { observe, render } from "./log-model.js";

const SEED = Number(process.env["STORAGE_SEED"] ?? Date.now() % 1_000_000);
const FIRST = "000000000001.seg";
const FRAME = 8192;

interface Outcome {
  readonly state: string;
  readonly lastIndex: number;
}

/** What a process finds that starts on this image. */
async function recover(image: DiskImage): Promise<Outcome> {
  const { log, groups } = await new Fixture(await diskWith(image)).open();
  const state = render(await observe(log, groups));
  await log.close();
  return { state, lastIndex: groups[0]?.state.lastIndex ?? -1 };
}

async function recoverOrCorrupt(image: DiskImage): Promise<Outcome | "corrupt"> {
  try {
    return await recover(image);
  } catch (error) {
    if (error instanceof CorruptionError) return "corrupt";
    throw error;
  }
}

describe("a torn last frame", () => {
  let before: DiskImage;
  let after: DiskImage;
  let start: number;
  let end: number;

  beforeAll(async () => {
    const disk = new MemoryFileSystem();
    const log = await new Fixture(disk).openWithGroup();
    await append(log, 1, entriesFrom(1, 5, 1, 1000));
    await settled();
    before = await imageOf(disk);
    start = FRAME + log.stats().bytesWritten;
    await append(log, 1, entriesFrom(6, 6, 1, 1500));
    end = FRAME + log.stats().bytesWritten;
    after = await imageOf(disk);
    expect(end - start).toBe(12_288);
  });

  const half = (position: number, front: DiskImage, back: DiskImage): DiskImage =>
    changed(front, FIRST, (bytes) =>
      Buffer.concat([bytes.subarray(0, position), (back.get(FIRST) ?? Buffer.alloc(0)).subarray(position)]),
    );

  test("is cut at every 512-byte boundary, from the front and from the back; what was durable stays", async () => {
    for (let position = start; position <= end; position += 512) {
      const kept = await recover(half(position, after, before));
      expect([5, 11]).toContain(kept.lastIndex);
      if (position <= start + 8704) expect(kept.lastIndex).toBe(5);
      const lost = await recover(half(position, before, after));
      expect(lost.lastIndex).toBe(position > start ? 5 : 11);
    }
  });

  test("with any single sector missing is cut", async () => {
    const used = 64 + 48 + 6 * 1544;
    for (let sector = start; sector < end; sector += 512) {
      const hole = changed(after, FIRST, (bytes) => bytes.fill(0, sector, sector + 512));
      expect((await recover(hole)).lastIndex).toBe(sector < start + used ? 5 : 11);
    }
  });

  test("is never seen again, even by a second crash", async () => {
    const disk = await diskWith(half(start + 4096, after, before));
    const { log } = await new Fixture(disk).open();
    await append(log, 1, [entry(6, 7, 10)]);
    const again = await new Fixture(disk).open();
    expect(brief(await again.log.read(1, 1, 99, 1_000_000))).toEqual(
      brief([...entriesFrom(1, 5, 1, 1000), entry(6, 7, 10)]),
    );
  });

  test("leaves a log that goes on", async () => {
    for (const image of [before, after, half(start + 512, after, before)]) {
      const disk = await diskWith(image);
      const first = await new Fixture(disk).open();
      const next = (first.groups[0]?.state.lastIndex ?? 0) + 1;
      await append(first.log, 1, entriesFrom(next, 3, 2));
      await first.log.close();
      expect((await new Fixture(disk).open()).groups[0]?.state.lastIndex).toBe(next + 2);
    }
  });
});

describe("damage", () => {
  /** Several segments, two groups, all kinds of records; closed cleanly, and as a crash would leave it. */
  let clean: DiskImage;
  let crashed: DiskImage;
  let whole: Outcome;
  const segments: string[] = [];

  beforeAll(async () => {
    const disk = new MemoryFileSystem();
    const log = await new Fixture(disk).openWithGroup({ segmentBytes: 32 * 1024 });
    await log.createGroup(2, OTHER_INCARNATION, START);
    for (let i = 0; i < 8; i++) {
      void append(log, 2, entriesFrom(i * 3 + 1, 3, 1, 50));
      await append(log, 1, entriesFrom(i * 4 + 1, 4, 1, 1200));
    }
    await append(log, 1, entriesFrom(30, 2, 2), 30);
    log.checkpointed(2, snapshotAt(10, 1), 2);
    await flushed(log, 1);
    await settled();
    crashed = await imageOf(disk);
    await log.close();
    clean = await imageOf(disk);
    whole = await recover(clean);
    expect(await recover(crashed)).toEqual(whole);
    const inUse = [...clean].filter(([name, bytes]) => name.endsWith(".seg") && bytes.readUInt32LE(0) !== 0);
    segments.push(...inUse.map(([name]) => name));
    expect(segments.length).toBeGreaterThan(1);
  });

  function flipped(image: DiskImage, name: string, bit: number): DiskImage {
    return changed(image, name, (bytes) => {
      bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
      return bytes;
    });
  }

  test("of one bit is detected or changes nothing", async () => {
    const rng = new Xoshiro128(SEED);
    let detected = 0;
    for (let i = 0; i < 400; i++) {
      const name = segments[rng.between(0, segments.length)] ?? FIRST;
      // Mostly in headers: two header pages, and the first bytes of frames and records.
      const at = i % 2 === 0 ? rng.between(0, 32 * 1024) : rng.between(FRAME, FRAME + 400);
      const bit = at * 8 + rng.between(0, 8);
      const outcome = await recoverOrCorrupt(flipped(clean, name, bit));
      if (outcome === "corrupt") detected++;
      else if (outcome.state !== whole.state)
        throw new Error(`bit ${String(bit)} of ${name} changed the state; repeat with STORAGE_SEED=${String(SEED)}`);
    }
    expect(detected).toBeGreaterThan(50);
  });

  test("of one bit after a crash costs at most the last flush, and never changes anything", async () => {
    const rng = new Xoshiro128(SEED + 1);
    const last = whole.state;
    let lost = 0;
    for (let i = 0; i < 150; i++) {
      const name = segments[rng.between(0, segments.length)] ?? FIRST;
      const outcome = await recoverOrCorrupt(flipped(crashed, name, rng.between(0, 32 * 1024 * 8)));
      if (outcome !== "corrupt" && outcome.state !== last) lost++;
    }
    expect(lost).toBeLessThan(30);
  });

  test("says where, and what to do", async () => {
    const image = flipped(clean, FIRST, (FRAME + 20) * 8);
    const error = await recover(image).catch((found: unknown) => found);
    expect(error).toBeInstanceOf(CorruptionError);
    expect(error).toMatchObject({ path: `${DIRECTORY}/${FIRST}`, offset: FRAME });
    expect((error as Error).message).toMatch(
      /at offset 8192: frame 1 is damaged.*proves that it was durable.*Start this node with a reset/,
    );
  });

  test("of one header page is healed by the other; of both is refused", async () => {
    for (const name of segments) {
      const one = changed(clean, name, (bytes) => bytes.fill(0xff, 0, 4096));
      expect(await recover(one)).toEqual(whole);
      const both = changed(clean, name, (bytes) => bytes.fill(0xff, 0, 8192));
      await expect(recover(both)).rejects.toThrow(CorruptionError);
      const blank = changed(clean, name, (bytes) => bytes.fill(0, 0, 8192));
      await expect(recover(blank)).rejects.toThrow(CorruptionError);
    }
  });

  test("by a missing or cut file is refused", async () => {
    for (const name of segments) {
      await expect(recover(changed(clean, name, () => undefined))).rejects.toThrow(CorruptionError);
      await expect(recover(changed(clean, name, (bytes) => bytes.subarray(0, FRAME + 512)))).rejects.toThrow(
        CorruptionError,
      );
      await expect(recover(changed(clean, name, () => Buffer.alloc(0)))).rejects.toThrow(CorruptionError);
    }
    await expect(recover(new Map([...clean].filter(([name]) => !name.endsWith(".seg"))))).rejects.toThrow(
      CorruptionError,
    );
  });

  test("by a lost superblock is refused: nobody knows any more what was promised", async () => {
    const without = new Map([...clean].filter(([name]) => name.endsWith(".seg")));
    await expect(recover(without)).rejects.toThrow(/none of the four superblock copies is whole/);
  });

  test("by a write that went to another place is refused", async () => {
    const moved = changed(clean, FIRST, (bytes) => {
      bytes.copy(bytes, FRAME + 4096, FRAME, FRAME + 4096);
      return bytes;
    });
    await expect(recover(moved)).rejects.toThrow(/holds frame 1/);
    const second = segments[1] ?? "";
    const swapped = changed(clean, second, () => Buffer.from(clean.get(FIRST) ?? ""));
    await expect(recover(swapped)).rejects.toThrow(/holds segment 1/);
  });

  test("by a flush that never reached the disk, with later ones there, is refused", async () => {
    const lost = changed(clean, FIRST, (bytes) => bytes.fill(0, FRAME + 8192, FRAME + 8192 + 4096));
    await expect(recover(lost)).rejects.toThrow(CorruptionError);
  });

  test("by files that do not belong there changes nothing", async () => {
    const more = new Map(clean);
    more.set("notes.txt", Buffer.from("hello"));
    more.set("000000000900.seg", Buffer.alloc(32 * 1024));
    more.set("000000000901.seg", Buffer.alloc(100));
    expect(await recover(more)).toEqual(whole);
  });

  test("a newer format is refused with what to do", async () => {
    const newer = changed(clean, FIRST, (bytes) => {
      for (const page of [0, 4096]) {
        bytes.writeUInt16LE(9, page + 14);
        bytes.writeUInt32LE(checksum(bytes, 0, page + 12, page + 4096), page + 8);
      }
      return bytes;
    });
    await expect(recover(newer)).rejects.toThrow(DataDirectoryError);
    await expect(recover(newer)).rejects.toThrow(/format 9.*newer version/);
  });

  test("found while reading is thrown with its place, and nothing is served", async () => {
    const disk = await diskWith(clean);
    const { log } = await new Fixture(disk).open({ segmentBytes: 32 * 1024 });
    const handle = await disk.open(`${DIRECTORY}/${FIRST}`, "read-write");
    const bytes = await handle.read(32 * 1024, 0);
    const at = bytes.indexOf(entry(2, 1, 1200).data);
    await handle.writev([Buffer.from([0xff])], at + 700);
    await expect(log.read(1, 2, 3, 1)).rejects.toThrow(/entry 2 of group 1 does not match its sum/);
    expect(brief(await log.read(1, 3, 4, 1))).toEqual(brief([entry(3, 1, 1200)]));
    await log.close();
  });
});

describe("frames of an earlier life of a file", () => {
  test("never come back", async () => {
    const disk = new MemoryFileSystem();
    const fixture = new Fixture(disk);
    const log = await fixture.openWithGroup({ segmentBytes: 32 * 1024 });
    // Frames of equal size at equal places, in files that are used again and again.
    for (let i = 0; i < 40; i++) {
      await append(log, 1, [entry(i + 1, 1, 3500)]);
      log.checkpointed(1, snapshotAt(i + 1, 1), i + 2);
    }
    await settled();
    const names = (await disk.list(DIRECTORY)).filter((name) => name.endsWith(".seg"));
    expect(names.length).toBeLessThan(10);
    const { groups } = await fixture.open({ segmentBytes: 32 * 1024 });
    expect(groups[0]?.state.lastIndex).toBe(40);
  });
});

describe("restarts", () => {
  test("alone never use up segments", async () => {
    const disk = new MemoryFileSystem();
    await append(await new Fixture(disk).openWithGroup(), 1, entriesFrom(1, 3, 1));
    const files: string[] = [];
    for (let i = 0; i < 10; i++) {
      const { log } = await new Fixture(disk).open();
      await settled();
      expect(log.stats().segments).toBe(1);
      files.push((await disk.list(DIRECTORY)).join());
      disk.crash(new Xoshiro128(i), "lose");
    }
    expect(new Set(files.slice(1)).size).toBe(1);
  });

  test("take short reads for what they are: they are completed, or refused as damage, never taken for the end", async () => {
    const disk = new MemoryFileSystem();
    const log = await new Fixture(disk).openWithGroup();
    await append(log, 1, entriesFrom(1, 3, 1));
    await append(log, 1, entriesFrom(4, 3, 1, 3000));
    await log.close();
    const short = (limit: number): FaultyFileSystem =>
      new FaultyFileSystem(disk, ({ operation, bytes }) =>
        operation === "read" && bytes > 8192 ? { type: "partial", bytes: limit, code: "EIO" } : undefined,
      );
    await expect(new Fixture(short(1000)).open()).rejects.toThrow(CorruptionError);
    const { groups } = await new Fixture(short(10_000)).open();
    expect(groups[0]?.state.lastIndex).toBe(6);
  });

  test("that fail on an unreadable disk say so and change nothing", async () => {
    const disk = new MemoryFileSystem();
    const log = await new Fixture(disk).openWithGroup();
    await append(log, 1, entriesFrom(1, 3, 1));
    await log.close();
    for (const operation of ["list", "open", "read", "size"] as const) {
      let injected = false;
      const failing = new FaultyFileSystem(disk, (call) => {
        if (injected || call.operation !== operation || call.number < 3) return undefined;
        injected = true;
        return { type: "error", code: "EIO" };
      });
      await expect(new Fixture(failing).open()).rejects.toMatchObject({ code: "EIO" });
    }
    expect((await new Fixture(disk).open()).groups[0]?.state.lastIndex).toBe(3);
  });
});
