import { describe, expect, test } from "@jest/globals";
import {
  type CheckpointStore,
  MemoryCheckpointDisk,
  openMemoryCheckpointStore,
  type Row,
} from "../../src/storage/index.js";

function snapshotAt(index: number): {
  index: number;
  term: number;
  configuration: { voters: number[]; outgoing: []; learners: [] };
  configurationIndex: number;
} {
  return { index, term: 1, configuration: { voters: [1], outgoing: [], learners: [] }, configurationIndex: 0 };
}

function row(key: string, value: string): Row {
  return { key: Buffer.from(key), value: Buffer.from(value) };
}

async function contentOf(store: CheckpointStore): Promise<string> {
  const root = await store.open(1);
  const found: string[] = [];
  for await (const rows of store.rows(1)) {
    for (const { key, value } of rows) found.push(`${Buffer.from(key).toString()}=${Buffer.from(value).toString()}`);
  }
  return `${String(root?.snapshot.index)}: ${found.join()}`;
}

const OLD = "5: a=old,b=old";

const CHANGES: Readonly<Record<string, { run: (store: CheckpointStore) => Promise<void>; after: string }>> = {
  "a batch": {
    run: (store) => store.write(1, { snapshot: snapshotAt(6), puts: [row("a", "new")], deletes: [Buffer.from("b")] }),
    after: "6: a=new",
  },
  "an install": {
    run: async (store) => {
      const staged = await store.stage(1);
      await staged.add([row("c", "new")]);
      await staged.add([row("d", "new")]);
      await staged.commit(snapshotAt(9));
    },
    after: "9: c=new,d=new",
  },
  "an abandoned install": {
    run: async (store) => {
      const staged = await store.stage(1);
      await staged.add([row("c", "new")]);
      await staged.abandon();
    },
    after: OLD,
  },
  "a removal": { run: (store) => store.clear(1), after: "undefined: " },
};

describe("a crash between any two writes", () => {
  test.each(Object.keys(CHANGES))("of %s leaves the state before or after it, and nothing else", async (name) => {
    const change = CHANGES[name];
    if (change === undefined) throw new Error(name);
    let crashes = 0;
    for (let writes = 0; ; writes++) {
      const disk = new MemoryCheckpointDisk();
      const store = await openMemoryCheckpointStore(disk);
      await store.write(1, { snapshot: snapshotAt(5), puts: [row("a", "old"), row("b", "old")], deletes: [] });
      disk.failWrites("EIO", writes);
      const failed = await change.run(store).then(
        () => false,
        () => true,
      );
      if (failed) {
        crashes++;
        // After a failed write nobody knows what is stored: the store is no longer to be used.
        expect(() => store.open(1)).toThrow(/EIO/);
      }
      disk.failWrites(undefined);
      disk.crash();
      const again = await openMemoryCheckpointStore(disk);
      const content = await contentOf(again);
      expect(failed ? [OLD, change.after] : [change.after]).toContain(content);
      const rows = content.split("=").length - 1;
      expect(disk.range("", "g", 1000)).toHaveLength(rows === 0 ? 0 : rows + 1);
      if (!failed) break;
    }
    expect(crashes).toBeGreaterThan(0);
  });
});

test("a store from before a crash is dead", async () => {
  const disk = new MemoryCheckpointDisk();
  const store = await openMemoryCheckpointStore(disk);
  disk.crash();
  await expect(store.open(1)).rejects.toMatchObject({ code: "EBADF" });
});
