import { describe, expect, test } from "@jest/globals";
import { Xoshiro128 } from "../../src/base/index.js";
import { FaultyFileSystem, MemoryFileSystem } from "../../src/storage/index.js";
import { Superblock } from "../../src/storage/superblock.js";

const FORMAT = 3;

async function folder(): Promise<MemoryFileSystem> {
  const disk = new MemoryFileSystem();
  await disk.makeDirectory("/d");
  return disk;
}

async function overwrite(disk: MemoryFileSystem, copy: number, at: number, byte: number): Promise<void> {
  const handle = await disk.open(`/d/superblock.${String(copy)}`, "read-write");
  await handle.writev([Buffer.from([byte])], at);
  await handle.close();
}

async function content(disk: MemoryFileSystem): Promise<string> {
  const found = await new Superblock(disk, "/d", FORMAT).read();
  return found.state === "valid" ? found.payload.toString() : found.state;
}

describe("the superblock", () => {
  test("is missing, then holds what was written last", async () => {
    const disk = await folder();
    expect(await content(disk)).toBe("missing");
    const superblock = new Superblock(disk, "/d", FORMAT);
    await superblock.create(Buffer.from("one"));
    expect(await content(disk)).toBe("one");
    for (const text of ["two", "three", "four"]) {
      await superblock.write(Buffer.from(text));
      expect(await content(disk)).toBe(text);
    }
    const again = new Superblock(disk, "/d", FORMAT);
    await again.read();
    await again.write(Buffer.from("five"));
    expect(await content(disk)).toBe("five");
  });

  test("survives the loss of any two copies with this or the content before", async () => {
    for (let first = 0; first < 4; first++) {
      for (let second = 0; second < 4; second++) {
        const disk = await folder();
        const superblock = new Superblock(disk, "/d", FORMAT);
        await superblock.create(Buffer.from("old"));
        await superblock.write(Buffer.from("new"));
        await overwrite(disk, first, 40, 0xff);
        await overwrite(disk, second, 9, 0xff);
        expect(["old", "new"]).toContain(await content(disk));
      }
    }
  });

  test("says so when no copy is whole", async () => {
    const disk = await folder();
    await new Superblock(disk, "/d", FORMAT).create(Buffer.from("old"));
    for (let copy = 0; copy < 4; copy++) await overwrite(disk, copy, 28, 0);
    expect(await content(disk)).toBe("damaged");
  });

  test("notices every flipped bit", async () => {
    const disk = await folder();
    await new Superblock(disk, "/d", FORMAT).create(Buffer.from("text"));
    const good = await (await disk.open("/d/superblock.0", "read")).read(4096, 0);
    for (let copy = 1; copy < 4; copy++) await disk.remove(`/d/superblock.${String(copy)}`);
    for (let bit = 0; bit < 34 * 8; bit++) {
      const at = bit >> 3;
      await overwrite(disk, 0, at, (good[at] as number) ^ (1 << (bit & 7)));
      expect(await content(disk)).toBe("damaged");
      await overwrite(disk, 0, at, good[at] as number);
    }
    expect(await content(disk)).toBe("text");
  });

  test("a crash at any call leaves the old content or the new", async () => {
    for (const mode of ["lose", "tear", "tear", "keep"] as const) {
      for (let call = 1; call <= 4; call++) {
        const disk = await folder();
        await new Superblock(disk, "/d", FORMAT).create(Buffer.from("old"));
        const dying = new FaultyFileSystem(disk, ({ mutation }) =>
          mutation >= call ? { type: "late-error", code: "EIO" } : undefined,
        );
        const superblock = new Superblock(dying, "/d", FORMAT);
        await superblock.read();
        await expect(superblock.write(Buffer.from("new"))).rejects.toMatchObject({ code: "EIO" });
        expect(dying.mutations).toBe(call);
        disk.crash(new Xoshiro128(call), mode);
        expect(["old", "new"]).toContain(await content(disk));
      }
    }
  });

  test("refuses a newer format and names both", async () => {
    const disk = await folder();
    await new Superblock(disk, "/d", FORMAT + 1).create(Buffer.from("x"));
    await expect(content(disk)).rejects.toThrow(/format 4.*up to 3.*newer version/);
  });
});
