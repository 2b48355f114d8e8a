import { describe, expect, test } from "@jest/globals";
import { Xoshiro128 } from "../../src/base/index.js";
import { MapFile } from "../../src/node/map-file.js";
import { CorruptionError, FaultyFileSystem, type FileHandle, MemoryFileSystem } from "../../src/storage/index.js";
import { changedMap, foundingOf, withNodes } from "./maps.js";

const one = foundingOf(3, 4);
const other = withNodes(changedMap(one), () => ({}));

async function contentOf(disk: MemoryFileSystem): Promise<{ handle: FileHandle; bytes: Buffer }> {
  const handle = await disk.open("./cluster-map", "read-write");
  return { handle, bytes: await handle.read(await handle.size(), 0) };
}

describe("the map in a data folder", () => {
  test("is none in a new one, then what was stored last", async () => {
    const disk = new MemoryFileSystem();
    const file = new MapFile(disk, ".");
    expect(await file.load()).toBeUndefined();
    await file.save(one);
    expect(await file.load()).toEqual(one);
    await file.save(other);
    disk.crash(new Xoshiro128(1), "lose");
    expect(await new MapFile(disk, ".").load()).toEqual(other);
  });

  test("is the old or the new one after a crash at any moment, never none and never damaged", async () => {
    const seen = new Set<number>();
    for (let at = 1; ; at++)
      for (const mode of ["lose", "keep", "tear"] as const) {
        const disk = new MemoryFileSystem();
        await new MapFile(disk, ".").save(one);
        const faulty = new FaultyFileSystem(disk, ({ mutation }) =>
          mutation >= at ? { type: "error", code: "EIO" } : undefined,
        );
        const saved = await new MapFile(faulty, ".").save(other).then(
          () => true,
          () => false,
        );
        disk.crash(new Xoshiro128(at), mode);
        const found = await new MapFile(disk, ".").load();
        seen.add(found?.version ?? 0);
        if (saved) {
          expect(found).toEqual(other);
          if (mode === "tear") {
            expect(seen).toEqual(new Set([one.version, other.version]));
            return;
          }
        } else expect([one, other]).toContainEqual(found);
        // What a crash left beside it is in nobody's way.
        await new MapFile(disk, ".").save(other);
        expect(await new MapFile(disk, ".").load()).toEqual(other);
      }
  });

  test("any bit of it that changed makes it an error, which says what to do", async () => {
    const disk = new MemoryFileSystem();
    const file = new MapFile(disk, ".");
    await file.save(one);
    const { handle, bytes } = await contentOf(disk);
    for (let at = 0; at < bytes.length; at++) {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] as number) ^ (1 << (at % 8));
      await handle.writev([damaged], 0);
      const loading = file.load();
      await expect(loading).rejects.toThrow(CorruptionError);
      await expect(loading).rejects.toThrow("--replace-data and --join");
    }
  });

  test.each([0, 3, 4])("one that ends after %d bytes is an error, never an absent one", async (length) => {
    const disk = new MemoryFileSystem();
    const handle = await disk.open("./cluster-map", "create");
    await handle.writev([Buffer.alloc(length)], 0);
    await expect(new MapFile(disk, ".").load()).rejects.toThrow(CorruptionError);
  });
});
