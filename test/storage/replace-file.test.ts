import { describe, expect, test } from "@jest/globals";
import { Xoshiro128 } from "../../src/base/index.js";
import { FaultyFileSystem, type FileSystem, MemoryFileSystem, RealFileSystem } from "../../src/storage/index.js";
import { replaceFile } from "../../src/storage/replace-file.js";
import { temporaryFolders } from "../support/temporary-folder.js";

const folder = temporaryFolders();

async function contentOf(fileSystem: FileSystem, path: string): Promise<string | undefined> {
  if (!(await fileSystem.exists(path))) return undefined;
  const handle = await fileSystem.open(path, "read");
  const bytes = await handle.read(await handle.size(), 0);
  await handle.close();
  return bytes.toString();
}

const replace = (fileSystem: FileSystem, directory: string, text: string): Promise<void> =>
  replaceFile(fileSystem, directory, "name", [Buffer.from(text.slice(0, 2)), Buffer.from(text.slice(2))]);

describe("replacing a small file", () => {
  test.each<[string, () => [FileSystem, string]]>([
    ["memory", () => [new MemoryFileSystem(), "."]],
    ["a real disk", () => [new RealFileSystem(), folder()]],
  ])(
    "makes it, then puts another in its place, longer or shorter, and leaves nothing beside it (%s)",
    async (_, make) => {
      const [fileSystem, directory] = make();
      for (const text of ["first", "a longer one", "short"]) {
        await replace(fileSystem, directory, text);
        expect(await contentOf(fileSystem, `${directory}/name`)).toBe(text);
        expect(await fileSystem.list(directory)).toEqual(["name"]);
      }
    },
  );

  test("is durable when it resolves", async () => {
    const disk = new MemoryFileSystem();
    await replace(disk, ".", "first");
    await replace(disk, ".", "second");
    disk.crash(new Xoshiro128(1), "lose");
    expect(await contentOf(disk, "./name")).toBe("second");
  });

  test.each(["lose", "keep", "tear"] as const)(
    "leaves the old or the new one whole after a crash at any step, and what it left is in nobody's way (%s)",
    async (mode) => {
      const seen = new Set<string | undefined>();
      for (const before of [undefined, "old one"])
        for (let at = 1, done = false; !done; at++) {
          const disk = new MemoryFileSystem();
          if (before !== undefined) await replace(disk, ".", before);
          const faulty = new FaultyFileSystem(disk, ({ mutation }) =>
            mutation >= at ? { type: "partial", bytes: 1, code: "EIO" } : undefined,
          );
          done = await replace(faulty, ".", "new one").then(
            () => true,
            () => false,
          );
          disk.crash(new Xoshiro128(at), mode);
          const found = await contentOf(disk, "./name");
          expect(done ? ["new one"] : [before, "new one"]).toContain(found);
          seen.add(found);
          await replace(disk, ".", "another");
          expect(await contentOf(disk, "./name")).toBe("another");
        }
      expect(seen).toEqual(new Set([undefined, "old one", "new one"]));
    },
  );

  test.each(["create", "writev", "sync", "rename", "syncDirectory"] as const)(
    "says that it failed when %s does, leaves the old one or the new one, and can be tried again",
    async (operation) => {
      const disk = new MemoryFileSystem();
      await replace(disk, ".", "old");
      let failing = true;
      const faulty = new FaultyFileSystem(disk, (call) =>
        failing && call.operation === operation ? { type: "error", code: "ENOSPC" } : undefined,
      );
      await expect(replace(faulty, ".", "new")).rejects.toThrow("ENOSPC");
      expect(["old", "new"]).toContain(await contentOf(disk, "./name"));
      failing = false;
      await replace(faulty, ".", "new");
      expect(await contentOf(disk, "./name")).toBe("new");
      expect(await disk.list(".")).toEqual(["name"]);
    },
  );
});
