import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { Level } from "level";
import { ByteReader, Xoshiro128 } from "../../src/base/index.js";
import type { SnapshotMeta } from "../../src/raft/types.js";
import {
  CorruptionError,
  MemoryCheckpointDisk,
  openCheckpointStore,
  openMemoryCheckpointStore,
  type Row,
  type ViewableCheckpointStore,
} from "../../src/storage/index.js";

const SEED = Number(process.env["STORAGE_SEED"] ?? Date.now() % 1_000_000);

/** A store that can be closed and opened again, and whose rows can be tampered with while it is closed. */
interface Bench {
  open(): Promise<ViewableCheckpointStore>;
  /** Stored keys in hex, ascending. */
  keys(): Promise<string[]>;
  read(key: string): Promise<Uint8Array>;
  tamper(key: string, value: Uint8Array | undefined): Promise<void>;
  /** Keys in hex and values of the rows that were set aside in `place`. */
  setAside(place: string): Promise<(readonly [string, Uint8Array])[]>;
  dispose(): Promise<void>;
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

const views = { keyEncoding: "view", valueEncoding: "view" } as const;

const BENCHES: Readonly<Record<string, () => Promise<Bench>>> = {
  memory: () => {
    const disk = new MemoryCheckpointDisk();
    return Promise.resolve({
      open: () => openMemoryCheckpointStore(disk),
      keys: () => Promise.resolve(disk.range("", "g", 1_000_000)),
      read: (key) => Promise.resolve(disk.get(key)?.value ?? new Uint8Array(0)),
      tamper: (key, value) => {
        if (value === undefined) disk.delete(key);
        else disk.set(key, { key: Buffer.from(key, "hex"), value });
        return Promise.resolve();
      },
      setAside: (place) =>
        Promise.resolve(disk.aside.get(place)?.map(({ key, value }) => [hexOf(key), value] as const) ?? []),
      dispose: () => Promise.resolve(),
    });
  },
  level: async () => {
    const folder = await mkdtemp(`${tmpdir()}/store-`);
    async function raw<T>(act: (database: Level<Uint8Array, Uint8Array>) => Promise<T>): Promise<T> {
      const database = new Level<Uint8Array, Uint8Array>(folder, views);
      await database.open();
      try {
        return await act(database);
      } finally {
        await database.close();
      }
    }
    return {
      open: () => openCheckpointStore({ directory: folder }),
      keys: () => raw(async (database) => (await database.keys(views).all()).map(hexOf)),
      read: (key) => raw(async (database) => database.get(Buffer.from(key, "hex"), views)),
      tamper: (key, value) =>
        raw(async (database) => {
          if (value === undefined) await database.del(Buffer.from(key, "hex"), views);
          else await database.put(Buffer.from(key, "hex"), value, views);
        }),
      setAside: async (place) => {
        expect(place.startsWith(`${folder}.quarantine/`)).toBe(true);
        const input = new ByteReader(await readFile(place));
        const rows = [];
        while (input.remaining > 0) rows.push([hexOf(input.bytes32()), input.bytes32()] as const);
        return rows;
      },
      dispose: async () => {
        await rm(folder, { recursive: true });
        await rm(`${folder}.quarantine`, { recursive: true, force: true });
      },
    };
  },
};

function snapshotAt(index: number): SnapshotMeta {
  return { index, term: 2, configuration: { voters: [1, 2, 3], outgoing: [], learners: [7] }, configurationIndex: 1 };
}

function row(key: string, value: string): Row {
  return { key: Buffer.from(key), value: Buffer.from(value) };
}

function keysOf(...keys: string[]): Buffer[] {
  return keys.map((key) => Buffer.from(key));
}

async function contentOf(store: ViewableCheckpointStore, group: number): Promise<Record<string, string>> {
  const content: Record<string, string> = {};
  for await (const rows of store.rows(group)) {
    for (const { key, value } of rows) content[Buffer.from(key).toString()] = Buffer.from(value).toString();
  }
  return content;
}

describe.each(Object.keys(BENCHES))("the %s checkpoint store", (name) => {
  let bench: Bench;
  let store: ViewableCheckpointStore;

  beforeEach(async () => {
    const make = BENCHES[name];
    if (make === undefined) throw new Error(name);
    bench = await make();
    store = await bench.open();
  });

  afterEach(async () => {
    await store.close();
    await bench.dispose();
  });

  /** Keys can only be looked at while the store is closed. */
  async function storedKeys(): Promise<string[]> {
    await store.close();
    return bench.keys();
  }

  async function reopen(): Promise<void> {
    await store.close();
    store = await bench.open();
  }

  test("has no checkpoint at first", async () => {
    expect(await store.open(1)).toBeUndefined();
    expect(await store.get(1, Buffer.from("a"))).toBeUndefined();
    expect(await store.view(1)).toBeUndefined();
    expect(await contentOf(store, 1)).toEqual({});
  });

  test("keeps puts, overwrites and deletes, with the root of the last batch", async () => {
    await store.write(1, { snapshot: snapshotAt(5), puts: [row("b", "2"), row("a", "1"), row("c", "")], deletes: [] });
    await store.write(1, { snapshot: snapshotAt(9), puts: [row("b", "two")], deletes: keysOf("c", "never there") });
    expect(await store.open(1)).toMatchObject({ snapshot: snapshotAt(9), rowCount: 2 });
    await reopen();
    expect(await store.open(1)).toMatchObject({ snapshot: snapshotAt(9), rowCount: 2 });
    expect(await contentOf(store, 1)).toEqual({ a: "1", b: "two" });
    expect(Buffer.from((await store.get(1, Buffer.from("b"))) ?? "").toString()).toBe("two");
    expect(await store.get(1, Buffer.from("c"))).toBeUndefined();
  });

  test("deletes before it puts, and the last of two puts of a key wins", async () => {
    await store.write(1, { snapshot: snapshotAt(1), puts: [row("a", "1")], deletes: [] });
    await store.write(1, { snapshot: snapshotAt(2), puts: [row("a", "2"), row("a", "3")], deletes: keysOf("a") });
    await reopen();
    expect(await store.open(1)).toMatchObject({ snapshot: snapshotAt(2), rowCount: 1 });
    expect(await contentOf(store, 1)).toEqual({ a: "3" });
  });

  test("keeps groups apart, also neighbours and the largest", async () => {
    for (const group of [0, 1, 2, 0xffffffff]) {
      await store.write(group, { snapshot: snapshotAt(group), puts: [row("k", String(group))], deletes: [] });
    }
    await store.clear(1);
    await reopen();
    expect(await store.open(1)).toBeUndefined();
    for (const group of [0, 2, 0xffffffff]) {
      expect((await store.open(group))?.snapshot.index).toBe(group);
      expect(await contentOf(store, group)).toEqual({ k: String(group) });
    }
  });

  test("gives rows in the order of their keys, in chunks, from one moment", async () => {
    const puts = Array.from({ length: 300 }, (_, i) => ({
      key: Buffer.from([1, i >> 8, i & 255]),
      value: Buffer.alloc(20_000, i),
    }));
    await store.write(1, { snapshot: snapshotAt(1), puts: [...puts].reverse(), deletes: [] });
    const seen: number[] = [];
    let chunks = 0;
    for await (const rows of store.rows(1)) {
      if (chunks++ === 0) {
        await store.write(1, { snapshot: snapshotAt(2), puts: [], deletes: puts.map(({ key }) => key) });
      }
      for (const { key, value } of rows) {
        seen.push(Buffer.from(key).readUInt16BE(1));
        expect(value).toHaveLength(20_000);
      }
    }
    expect(seen).toEqual(puts.map((_, i) => i));
    expect(chunks).toBeGreaterThan(1);
    expect(await store.open(1)).toMatchObject({ snapshot: snapshotAt(2), rowCount: 0 });
  });

  test("pairs a view's rows with its root", async () => {
    await store.write(1, { snapshot: snapshotAt(1), puts: [row("a", "1")], deletes: [] });
    const view = await store.view(1);
    await store.write(1, { snapshot: snapshotAt(2), puts: [row("a", "2")], deletes: [] });
    expect(view?.root.snapshot.index).toBe(1);
    const values: string[] = [];
    for await (const rows of view?.rows ?? []) values.push(...rows.map(({ value }) => Buffer.from(value).toString()));
    expect(values).toEqual(["1"]);
  });

  test("agrees with a map over many random batches and restarts", async () => {
    const rng = new Xoshiro128(SEED);
    const model = new Map<string, string>();
    for (let round = 1; round <= 60; round++) {
      const puts: Row[] = [];
      const deletes: Buffer[] = [];
      for (let i = rng.between(0, 12); i > 0; i--) {
        const key = `key ${String(rng.between(0, 40))}`;
        if (rng.between(0, 3) === 0) deletes.push(Buffer.from(key));
        else puts.push(row(key, "v".repeat(rng.between(0, 600))));
      }
      for (const key of deletes) model.delete(key.toString());
      for (const { key, value } of puts) model.set(Buffer.from(key).toString(), Buffer.from(value).toString());
      await store.write(3, { snapshot: snapshotAt(round), puts, deletes });
      if (rng.between(0, 6) === 0) await reopen();
    }
    await reopen();
    expect(await store.open(3)).toMatchObject({ snapshot: snapshotAt(60), rowCount: model.size });
    expect(await contentOf(store, 3)).toEqual(Object.fromEntries([...model].sort()));
  });

  describe("an install", () => {
    beforeEach(async () => {
      await store.write(1, { snapshot: snapshotAt(5), puts: [row("a", "old"), row("b", "old")], deletes: [] });
    });

    test("replaces everything at its commit and not before", async () => {
      const staged = await store.stage(1);
      await staged.add([row("b", "new")]);
      await staged.add([row("c", "new")]);
      expect(await contentOf(store, 1)).toEqual({ a: "old", b: "old" });
      await store.write(1, { snapshot: snapshotAt(6), puts: [row("d", "meanwhile")], deletes: [] });
      expect(await contentOf(store, 1)).toEqual({ a: "old", b: "old", d: "meanwhile" });
      await staged.commit(snapshotAt(50));
      expect(await store.open(1)).toMatchObject({ snapshot: snapshotAt(50), rowCount: 2 });
      await store.write(1, { snapshot: snapshotAt(51), puts: [row("e", "later")], deletes: keysOf("b") });
      await reopen();
      expect(await store.open(1)).toMatchObject({ snapshot: snapshotAt(51), rowCount: 2 });
      expect(await contentOf(store, 1)).toEqual({ c: "new", e: "later" });
      expect(await storedKeys()).toHaveLength(3);
    });

    test("may be read for as long as somebody looks, whatever happens meanwhile", async () => {
      const view = await store.view(1);
      await store.write(1, { snapshot: snapshotAt(6), puts: [row("a", "new")], deletes: keysOf("b") });
      const rows = [];
      for await (const chunk of view?.rows ?? []) rows.push(...chunk);
      expect(rows.map(({ value }) => Buffer.from(value).toString())).toEqual(["old", "old"]);
      const unread = await store.view(1);
      await unread?.rows.return?.();
      await unread?.rows.return?.();
      expect((await unread?.rows.next())?.done).toBe(true);
    });

    test("says what its rows come to, which is what the store says of the same rows", async () => {
      const staged = await store.stage(1);
      await staged.add([row("b", "old")]);
      expect(staged.summary().rowCount).toBe(1);
      await staged.add([row("a", "other")]);
      const { hash } = staged.summary();
      await staged.add([row("a", "old")]);
      const root = await store.open(1);
      expect(staged.summary()).toEqual({ rowCount: root?.rowCount, hash: root?.hash });
      expect(hash).not.toEqual(root?.hash);
      expect((await store.view(1))?.root).toEqual(root);
    });

    test("that is cleared meanwhile leaves no rows behind", async () => {
      const staged = await store.stage(1);
      await staged.add([row("x", "1")]);
      await Promise.all([staged.add([row("y", "1")]), store.clear(1), staged.abandon()]);
      const late = await store.stage(1);
      const added = late.add([row("z", "1")]);
      const cleared = store.clear(1);
      await Promise.all([added, cleared]);
      expect(await storedKeys()).toEqual([]);
    });

    test("that is abandoned leaves nothing", async () => {
      const staged = await store.stage(1);
      await staged.add([row("x", "1")]);
      await staged.abandon();
      await staged.abandon();
      await expect(staged.add([row("x", "1")])).rejects.toThrow(/finished/);
      expect(await contentOf(store, 1)).toEqual({ a: "old", b: "old" });
      expect(await storedKeys()).toHaveLength(3);
    });

    test("that a crash cut short is removed at the next start", async () => {
      const staged = await store.stage(1);
      await staged.add([row("x", "1"), row("y", "2")]);
      await (await store.stage(2)).add([row("x", "1")]);
      await reopen();
      expect(await store.open(1)).toMatchObject({ snapshot: snapshotAt(5), rowCount: 2 });
      expect(await store.open(2)).toBeUndefined();
      expect(await storedKeys()).toHaveLength(3);
    });

    test("never shows rows of an earlier attempt", async () => {
      const first = await store.stage(1);
      await first.add([row("stale", "1")]);
      await reopen();
      const second = await store.stage(1);
      await second.add([row("fresh", "2")]);
      await second.commit(snapshotAt(9));
      await reopen();
      expect(await store.open(1)).toMatchObject({ snapshot: snapshotAt(9), rowCount: 1 });
      expect(await contentOf(store, 1)).toEqual({ fresh: "2" });
    });

    test("ends when the group is cleared", async () => {
      const staged = await store.stage(1);
      await staged.add([row("x", "1")]);
      await store.clear(1);
      expect(() => staged.commit(snapshotAt(9))).toThrow(/finished/);
      expect(await store.open(1)).toBeUndefined();
      expect(await storedKeys()).toHaveLength(0);
    });

    test("into an empty group, and of nothing, works", async () => {
      const staged = await store.stage(8);
      await staged.commit(snapshotAt(3));
      await reopen();
      expect(await store.open(8)).toMatchObject({ snapshot: snapshotAt(3), rowCount: 0 });
    });
  });

  describe("damage", () => {
    beforeEach(async () => {
      const puts = [row("a", "1"), row("b", "2"), row("c", "x".repeat(1000))];
      await store.write(1, { snapshot: snapshotAt(5), puts, deletes: [] });
      await store.write(2, { snapshot: snapshotAt(7), puts: [row("a", "1")], deletes: [] });
    });

    async function refused(): Promise<string> {
      store = await bench.open();
      const error = await store.open(1).catch((found: unknown) => found);
      expect(error).toBeInstanceOf(CorruptionError);
      expect((error as CorruptionError).group).toBe(1);
      expect(await store.open(2)).toMatchObject({ snapshot: snapshotAt(7), rowCount: 1 });
      return (error as Error).message;
    }

    test("of any row or root by one bit is noticed", async () => {
      const keys = (await storedKeys()).filter((key) => key.startsWith("00000001"));
      expect(keys).toHaveLength(4);
      for (const key of keys) {
        const value = Buffer.from(await bench.read(key));
        for (const at of [0, 3, 4, value.length - 1]) {
          const bad = Buffer.from(value);
          bad[at] = (bad[at] as number) ^ 4;
          await bench.tamper(key, bad);
          expect(await refused()).toMatch(/checkpoint of group 1: .*(row|root)/);
          await store.close();
        }
        await bench.tamper(key, value);
      }
      store = await bench.open();
      expect((await store.open(1))?.rowCount).toBe(3);
    });

    test("by a lost, a stale or a foreign row is noticed", async () => {
      const [root = "", a = "", b = ""] = (await storedKeys()).filter((key) => key.startsWith("00000001"));
      const rowA = Buffer.from(await bench.read(a));
      await bench.tamper(a, undefined);
      expect(await refused()).toMatch(/2 rows found, 3 written/);
      await store.close();
      await bench.tamper(a, rowA);
      await bench.tamper(b, rowA);
      expect(await refused()).toMatch(/row 62 does not match its sum/);
      await store.close();
      await bench.tamper(root, undefined);
      expect(await refused()).toMatch(/rows but no root/);
    });

    test("by an old version of a row is noticed", async () => {
      const key = (await storedKeys()).filter((found) => found.startsWith("00000001"))[1] ?? "";
      const old = await bench.read(key);
      store = await bench.open();
      await store.write(1, { snapshot: snapshotAt(6), puts: [row("a", "changed")], deletes: [] });
      await store.close();
      await bench.tamper(key, old);
      expect(await refused()).toMatch(/missing or out of date \(3 rows found, 3 written\)/);
    });

    test("can be set aside, as it is, and the group filled again", async () => {
      const keys = (await storedKeys()).filter((key) => key.startsWith("00000001"));
      await bench.tamper(keys[1] ?? "", Buffer.from("nonsense"));
      await bench.tamper(`${keys[1] ?? ""}00`, Buffer.from("a row of nobody"));
      const expected = [];
      for (const key of (await storedKeys()).filter((found) => found.startsWith("00000001")))
        expected.push([key, Buffer.from(await bench.read(key)).toString("hex")]);
      expect(expected).toHaveLength(5);
      await refused();
      const place = await store.quarantine(1);
      const another = await store.quarantine(1);
      expect(await store.open(1)).toBeUndefined();
      expect(await store.open(2)).toMatchObject({ snapshot: snapshotAt(7), rowCount: 1 });
      const staged = await store.stage(1);
      await staged.add([row("n", "1")]);
      await staged.commit(snapshotAt(90));
      await reopen();
      expect(await store.open(1)).toMatchObject({ snapshot: snapshotAt(90), rowCount: 1 });
      expect((await bench.setAside(place)).map(([key, value]) => [key, hexOf(value)])).toEqual(expected);
      expect(await bench.setAside(another)).toEqual([]);
      expect(another).not.toBe(place);
      // What the group has been filled with since is no matter of the old rows.
      const third = await store.quarantine(1);
      expect(await bench.setAside(third)).toHaveLength(2);
    });

    test("can be given up with clear, and the group filled again", async () => {
      const keys = (await storedKeys()).filter((key) => key.startsWith("00000001"));
      await bench.tamper(keys[0] ?? "", Buffer.from("nonsense"));
      await refused();
      await store.clear(1);
      expect(await store.open(1)).toBeUndefined();
      const staged = await store.stage(1);
      await staged.add([row("n", "1")]);
      await staged.commit(snapshotAt(90));
      await reopen();
      expect(await store.open(1)).toMatchObject({ snapshot: snapshotAt(90), rowCount: 1 });
    });
  });
});
