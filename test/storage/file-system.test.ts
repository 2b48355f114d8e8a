import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { PLACES, type Place } from "./file-systems.js";

/** What every file system behind the seam must do; the twins are only worth something if they agree with the real one. */
describe.each(Object.keys(PLACES))("the %s file system", (name) => {
  let place: Place;

  beforeEach(async () => {
    const make = PLACES[name];
    if (make === undefined) throw new Error(name);
    place = await make();
  });

  afterEach(() => place.dispose());

  async function write(path: string, text: string): Promise<void> {
    const handle = await place.fileSystem.open(path, "create");
    await handle.writev([Buffer.from(text)], 0);
    await handle.sync();
    await handle.close();
  }

  async function read(path: string): Promise<string> {
    const handle = await place.fileSystem.open(path, "read");
    const bytes = await handle.read(1000, 0);
    await handle.close();
    return bytes.toString();
  }

  test("writes several buffers at a position and reads them back", async () => {
    const handle = await place.fileSystem.open(`${place.folder}/a`, "create");
    await handle.writev([Buffer.from("ab"), Buffer.from(""), Buffer.from("cde")], 3);
    await handle.datasync();
    expect(await handle.size()).toBe(8);
    expect([...(await handle.read(8, 0))]).toEqual([0, 0, 0, ...Buffer.from("abcde")]);
    await handle.writev([Buffer.from("X")], 4);
    expect((await handle.read(5, 3)).toString()).toBe("aXcde");
    await handle.close();
  });

  test("reads less only at the end of the file", async () => {
    await write(`${place.folder}/a`, "hello");
    const handle = await place.fileSystem.open(`${place.folder}/a`, "read");
    expect((await handle.read(100, 2)).toString()).toBe("llo");
    expect(await handle.read(100, 5)).toHaveLength(0);
    expect(await handle.read(100, 50)).toHaveLength(0);
    await handle.close();
  });

  test("what is read belongs to the reader", async () => {
    await write(`${place.folder}/a`, "hello");
    const handle = await place.fileSystem.open(`${place.folder}/a`, "read-write");
    const bytes = await handle.read(5, 0);
    bytes.fill(0);
    expect((await handle.read(5, 0)).toString()).toBe("hello");
    await handle.close();
  });

  test("writes more buffers than the kernel takes at once", async () => {
    const handle = await place.fileSystem.open(`${place.folder}/a`, "create");
    const buffers = Array.from({ length: 3000 }, (_, i) => Buffer.from([i % 256, i % 7]));
    await handle.writev(buffers, 0);
    expect(await handle.read(10_000, 0)).toEqual(Buffer.concat(buffers));
    await handle.close();
  });

  test("creates only what is not there, and opens only what is", async () => {
    await write(`${place.folder}/a`, "1");
    await expect(place.fileSystem.open(`${place.folder}/a`, "create")).rejects.toMatchObject({ code: "EEXIST" });
    expect(await read(`${place.folder}/a`)).toBe("1");
    await expect(place.fileSystem.open(`${place.folder}/b`, "read")).rejects.toMatchObject({ code: "ENOENT" });
    await expect(place.fileSystem.open(`${place.folder}/b`, "read-write")).rejects.toMatchObject({ code: "ENOENT" });
    await expect(place.fileSystem.open(`${place.folder}/no/b`, "create")).rejects.toMatchObject({ code: "ENOENT" });
    expect(await place.fileSystem.exists(`${place.folder}/a`)).toBe(true);
    expect(await place.fileSystem.exists(`${place.folder}/b`)).toBe(false);
  });

  test("refuses to write through a handle for reading, and everything through a closed one", async () => {
    await write(`${place.folder}/a`, "1");
    const handle = await place.fileSystem.open(`${place.folder}/a`, "read");
    await expect(handle.writev([Buffer.from("2")], 0)).rejects.toMatchObject({ code: "EBADF" });
    await handle.close();
    await expect(handle.read(1, 0)).rejects.toThrow();
    await expect(handle.datasync()).rejects.toThrow();
  });

  test("renames over an existing file; open handles follow the file", async () => {
    await write(`${place.folder}/a`, "new");
    await write(`${place.folder}/b`, "old");
    const handle = await place.fileSystem.open(`${place.folder}/a`, "read-write");
    await place.fileSystem.rename(`${place.folder}/a`, `${place.folder}/b`);
    await place.fileSystem.syncDirectory(place.folder);
    await handle.writev([Buffer.from("N")], 0);
    await handle.close();
    expect(await read(`${place.folder}/b`)).toBe("New");
    expect(await place.fileSystem.exists(`${place.folder}/a`)).toBe(false);
    await expect(place.fileSystem.rename(`${place.folder}/a`, `${place.folder}/c`)).rejects.toMatchObject({
      code: "ENOENT",
    });
  });

  test("lists names in order, directories too, and only direct children", async () => {
    await place.fileSystem.makeDirectory(`${place.folder}/sub/deep`);
    await place.fileSystem.makeDirectory(`${place.folder}/sub/deep`);
    await write(`${place.folder}/b`, "");
    await write(`${place.folder}/a`, "");
    await write(`${place.folder}/sub/c`, "");
    expect(await place.fileSystem.list(place.folder)).toEqual(["a", "b", "sub"]);
    await place.fileSystem.remove(`${place.folder}/a`);
    expect(await place.fileSystem.list(place.folder)).toEqual(["b", "sub"]);
    await expect(place.fileSystem.remove(`${place.folder}/a`)).rejects.toMatchObject({ code: "ENOENT" });
    await expect(place.fileSystem.list(`${place.folder}/none`)).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("renames a directory with what is in it", async () => {
    await place.fileSystem.makeDirectory(`${place.folder}/x/y`);
    await write(`${place.folder}/x/y/f`, "kept");
    await place.fileSystem.rename(`${place.folder}/x`, `${place.folder}/z`);
    expect(await read(`${place.folder}/z/y/f`)).toBe("kept");
    expect(await place.fileSystem.exists(`${place.folder}/x`)).toBe(false);
  });

  test("knows how much room there is", async () => {
    const { freeBytes, totalBytes } = await place.fileSystem.space(place.folder);
    expect(freeBytes).toBeGreaterThan(0);
    expect(totalBytes).toBeGreaterThanOrEqual(freeBytes);
  });
});
