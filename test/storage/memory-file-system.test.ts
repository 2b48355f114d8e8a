import { describe, expect, test } from "@jest/globals";
import { Xoshiro128 } from "../../src/base/index.js";
import { type CrashMode, MemoryFileSystem } from "../../src/storage/index.js";

const SECTOR = 512;

async function contentAfterCrash(mode: CrashMode, seed: number): Promise<Buffer> {
  const disk = new MemoryFileSystem();
  const handle = await disk.open("/a", "create");
  await handle.writev([Buffer.alloc(8 * SECTOR, 1)], 0);
  await handle.sync();
  await disk.syncDirectory("/");
  await handle.writev([Buffer.alloc(4 * SECTOR, 2)], 0);
  disk.crash(new Xoshiro128(seed), mode);
  const again = await disk.open("/a", "read");
  return again.read(100_000, 0);
}

describe("a crash of the memory file system", () => {
  test("of the process alone loses nothing", async () => {
    expect(await contentAfterCrash("keep", 1)).toEqual(
      Buffer.concat([Buffer.alloc(4 * SECTOR, 2), Buffer.alloc(4 * SECTOR, 1)]),
    );
  });

  test("without power loses what was not synced", async () => {
    expect(await contentAfterCrash("lose", 1)).toEqual(Buffer.alloc(8 * SECTOR, 1));
  });

  test("that tears leaves each unsynced sector old, new, or both; synced ones stay", async () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 50; seed++) {
      const content = await contentAfterCrash("tear", seed);
      expect(content.subarray(4 * SECTOR)).toEqual(Buffer.alloc(4 * SECTOR, 1));
      for (let sector = 0; sector < 4; sector++) {
        const bytes = content.subarray(sector * SECTOR, (sector + 1) * SECTOR);
        const isNew = bytes.every((byte) => byte === 2);
        const isOld = bytes.every((byte) => byte === 1);
        seen.add(isNew ? "new" : isOld ? "old" : "torn");
      }
    }
    expect([...seen].sort()).toEqual(["new", "old", "torn"]);
  });

  test("forgets names that the directory did not sync", async () => {
    const disk = new MemoryFileSystem();
    await disk.makeDirectory("/d");
    const kept = await disk.open("/d/kept", "create");
    await disk.syncDirectory("/d");
    await disk.open("/d/lost", "create");
    await disk.rename("/d/kept", "/d/renamed");
    expect(await disk.list("/d")).toEqual(["lost", "renamed"]);
    disk.crash(new Xoshiro128(1), "lose");
    expect(await disk.list("/d")).toEqual(["kept"]);
    await expect(kept.read(1, 0)).rejects.toMatchObject({ code: "EBADF" });
  });

  test("keeps a rename whole or not at all", async () => {
    const outcomes = new Set<string>();
    for (let seed = 0; seed < 20; seed++) {
      const disk = new MemoryFileSystem();
      await disk.open("/a", "create");
      await disk.syncDirectory("/");
      await disk.rename("/a", "/b");
      disk.crash(new Xoshiro128(seed), "tear");
      outcomes.add((await disk.list("/")).join());
    }
    expect([...outcomes].sort()).toEqual(["a", "b"]);
  });

  test("may take back growth that was not synced", async () => {
    const sizes = new Set<number>();
    for (let seed = 0; seed < 30; seed++) {
      const disk = new MemoryFileSystem();
      const handle = await disk.open("/a", "create");
      await handle.writev([Buffer.alloc(SECTOR, 1)], 0);
      await handle.datasync();
      await disk.syncDirectory("/");
      await handle.writev([Buffer.alloc(SECTOR, 2)], SECTOR);
      disk.crash(new Xoshiro128(seed), "tear");
      sizes.add(await (await disk.open("/a", "read")).size());
    }
    expect([...sizes].sort((a, b) => a - b)).toEqual([SECTOR, 2 * SECTOR]);
  });

  test("a full disk refuses growth but not overwriting", async () => {
    const disk = new MemoryFileSystem();
    disk.limit(1000);
    const handle = await disk.open("/a", "create");
    await handle.writev([Buffer.alloc(1000)], 0);
    await expect(handle.writev([Buffer.alloc(1)], 1000)).rejects.toMatchObject({ code: "ENOSPC" });
    await handle.writev([Buffer.alloc(1000, 1)], 0);
    expect(await disk.space()).toEqual({ freeBytes: 0, totalBytes: 1000 });
  });
});
