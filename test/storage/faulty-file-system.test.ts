import { expect, test } from "@jest/globals";
import { type Fault, FaultyFileSystem, type FileCall, MemoryFileSystem } from "../../src/storage/index.js";

function withFault(
  wanted: (call: FileCall) => boolean,
  fault: Fault,
): { inner: MemoryFileSystem; faulty: FaultyFileSystem } {
  const inner = new MemoryFileSystem();
  return { inner, faulty: new FaultyFileSystem(inner, (call) => (wanted(call) ? fault : undefined)) };
}

async function contentOf(fileSystem: MemoryFileSystem, path: string): Promise<string> {
  return (await (await fileSystem.open(path, "read")).read(1000, 0)).toString();
}

test("an error leaves no effect, a late error does", async () => {
  for (const [type, expected] of [
    ["error", ""],
    ["late-error", "abc"],
  ] as const) {
    const { inner, faulty } = withFault(({ operation }) => operation === "writev", { type, code: "EIO" });
    const handle = await faulty.open("/a", "create");
    await expect(handle.writev([Buffer.from("abc")], 0)).rejects.toMatchObject({ code: "EIO" });
    expect(await contentOf(inner, "/a")).toBe(expected);
    expect(faulty.injected).toBe(1);
  }
});

test("a partial write stops in the middle; a partial read looks like the end of the file", async () => {
  const write = withFault(({ operation }) => operation === "writev", { type: "partial", bytes: 2, code: "ENOSPC" });
  const handle = await write.faulty.open("/a", "create");
  await expect(handle.writev([Buffer.from("a"), Buffer.from("bcd")], 0)).rejects.toMatchObject({ code: "ENOSPC" });
  expect(await contentOf(write.inner, "/a")).toBe("ab");

  const read = withFault(({ operation }) => operation === "read", { type: "partial", bytes: 2, code: "EIO" });
  const other = await read.faulty.open("/a", "create");
  await other.writev([Buffer.from("abcd")], 0);
  expect((await other.read(4, 0)).toString()).toBe("ab");
});

test("a flipped bit shows in what is read, not on the disk", async () => {
  const { inner, faulty } = withFault(({ operation }) => operation === "read", { type: "flip", bit: 9 });
  const handle = await faulty.open("/a", "create");
  await handle.writev([Buffer.from([0, 0])], 0);
  expect([...(await handle.read(2, 0))]).toEqual([0, 2]);
  expect([...(await (await inner.open("/a", "read")).read(2, 0))]).toEqual([0, 0]);
});

test("slow calls wait for the timer they were given", async () => {
  const waiting: { delayMs: number; callback: () => void }[] = [];
  const timers = {
    after: (delayMs: number, callback: () => void) => {
      waiting.push({ delayMs, callback });
      return { cancel: () => undefined };
    },
  };
  const fault = { type: "slow", delayMs: 10_000 } as const;
  const faulty = new FaultyFileSystem(
    new MemoryFileSystem(),
    ({ operation }) => (operation === "datasync" ? fault : undefined),
    timers,
  );
  const handle = await faulty.open("/a", "create");
  let synced = false;
  const sync = handle.datasync().then(() => {
    synced = true;
  });
  await Promise.resolve();
  expect(synced).toBe(false);
  expect(waiting[0]?.delayMs).toBe(10_000);
  waiting[0]?.callback();
  await sync;
  expect(synced).toBe(true);
});

test("numbers calls and mutations across files", async () => {
  const calls: FileCall[] = [];
  const faulty = new FaultyFileSystem(new MemoryFileSystem(), (call) => {
    calls.push(call);
    return undefined;
  });
  const a = await faulty.open("/a", "create");
  await a.read(1, 0);
  const b = await faulty.open("/b", "create");
  await b.writev([Buffer.from("xy")], 0);
  expect(calls.map(({ number, mutation, operation, bytes }) => [number, mutation, operation, bytes])).toEqual([
    [1, 1, "create", 0],
    [2, 0, "read", 1],
    [3, 2, "create", 0],
    [4, 3, "writev", 2],
  ]);
  expect(faulty.mutations).toBe(3);
});
