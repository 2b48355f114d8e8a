import { describe, expect, test } from "@jest/globals";
import fs from "node:fs";
import { Xoshiro128 } from "../../src/base/index.js";
import {
  CorruptionError,
  type CrashMode,
  type DataDirectory,
  DataDirectoryError,
  type DataDirectoryOptions,
  FaultyFileSystem,
  type FileSystem,
  MemoryFileSystem,
  openDataDirectory,
  type ProcessTable,
  RealFileSystem,
} from "../../src/storage/index.js";
import { temporaryFolders } from "../support/temporary-folder.js";

const folder = temporaryFolders();

/** A machine on which processes come and go. */
class Machine {
  boot = "boot-1";
  readonly running = new Map<number, string>([[10, "start-10"]]);

  process(pid: number): ProcessTable {
    return { pid, boot: this.boot, started: (other) => this.running.get(other) };
  }
}

const machine = new Machine();

function powerCut(disk: MemoryFileSystem, seed: number, mode: CrashMode): void {
  disk.crash(new Xoshiro128(seed), mode);
  machine.boot = `boot after ${machine.boot}`;
}

function open(disk: FileSystem, more: Partial<DataDirectoryOptions> = {}): Promise<DataDirectory> {
  return openDataDirectory({ path: "/data", fileSystem: disk, processes: machine.process(10), ...more });
}

describe("the identity of a data folder", () => {
  test("is made at first start and found again", async () => {
    const disk = new MemoryFileSystem();
    const first = await open(disk, { clusterId: "cluster-a", nodeId: "node-1" });
    expect(first).toMatchObject({ clusterId: "cluster-a", nodeId: "node-1", created: true, path: "/data" });
    expect(first.incarnation).toMatch(/^[0-9a-f]{16}$/);
    expect(first.logDirectory(3)).toBe("/data/shard-03/wal");
    expect(first.storeDirectory(12)).toBe("/data/shard-12/store");
    await first.close();
    powerCut(disk, 1, "lose");
    const second = await open(disk, { clusterId: "cluster-a", nodeId: "node-1" });
    expect(second).toMatchObject({ incarnation: first.incarnation, created: false });
    await second.close();
    const third = await open(disk);
    expect(third).toMatchObject({ clusterId: "cluster-a", nodeId: "node-1", incarnation: first.incarnation });
  });

  test("is random where nothing was given", async () => {
    const one = await open(new MemoryFileSystem());
    const other = await open(new MemoryFileSystem());
    expect(one.clusterId).not.toBe(other.clusterId);
    expect(one.nodeId).not.toBe(other.nodeId);
    expect(one.incarnation).not.toBe(other.incarnation);
    const fixed = await open(new MemoryFileSystem(), { randomHex: (bytes) => "ab".repeat(bytes) });
    expect(fixed.incarnation).toBe("abababababababab");
  });

  test("of another cluster or node is refused, naming both", async () => {
    const disk = new MemoryFileSystem();
    await (await open(disk, { clusterId: "cluster-a", nodeId: "node-1" })).close();
    const clusters = open(disk, { clusterId: "cluster-b" });
    await expect(clusters).rejects.toThrow(DataDirectoryError);
    await expect(clusters).rejects.toThrow(/belongs to cluster cluster-a.*started as cluster cluster-b/);
    await expect(open(disk, { nodeId: "node-2" })).rejects.toThrow(/belongs to node node-1.*started as node node-2/);
    // A refusal gives the lock back.
    await (await open(disk)).close();
  });

  test("that cannot be read is never replaced", async () => {
    const disk = new MemoryFileSystem();
    const first = await open(disk);
    await first.close();
    for (let copy = 0; copy < 4; copy++) {
      const handle = await disk.open(`/data/superblock.${String(copy)}`, "read-write");
      await handle.writev([Buffer.from("x")], 30);
    }
    await expect(open(disk)).rejects.toThrow(CorruptionError);
  });

  test("that is missing while shards have data is refused", async () => {
    const disk = new MemoryFileSystem();
    await disk.makeDirectory("/data/shard-00/wal");
    await expect(open(disk)).rejects.toThrow(/holds shard-00 but no identity/);
  });
});

describe("a reset", () => {
  async function withShard(): Promise<{ disk: MemoryFileSystem; first: DataDirectory }> {
    const disk = new MemoryFileSystem();
    const first = await open(disk, { nodeId: "node-1" });
    await disk.makeDirectory(first.logDirectory(0));
    await disk.open(`${first.logDirectory(0)}/000000000001.seg`, "create");
    await disk.syncDirectory(first.logDirectory(0));
    await first.close();
    return { disk, first };
  }

  test("moves everything aside and starts a new incarnation", async () => {
    const { disk, first } = await withShard();
    const second = await open(disk, { nodeId: "node-1", reset: true });
    expect(second.created).toBe(true);
    expect(second.incarnation).not.toBe(first.incarnation);
    expect(await disk.exists("/data/quarantine-1/shard-00/wal/000000000001.seg")).toBe(true);
    expect(await disk.exists("/data/quarantine-1/superblock.0")).toBe(true);
    await second.close();
    await (await open(disk, { reset: true })).close();
    expect(await disk.exists("/data/quarantine-2/superblock.0")).toBe(true);
    expect(await disk.exists("/data/quarantine-1/superblock.0")).toBe(true);
  });

  test("of an empty folder moves nothing", async () => {
    const disk = new MemoryFileSystem();
    await open(disk, { reset: true });
    expect(await disk.exists("/data/quarantine-1")).toBe(false);
  });

  test("that a crash cuts short never leaves the identity without its data", async () => {
    for (let call = 1; ; call++) {
      const { disk, first } = await withShard();
      let dead = false;
      const dying = new FaultyFileSystem(disk, ({ mutation }) => {
        if (!dead && mutation < call) return undefined;
        const last = !dead;
        dead = true;
        return last ? { type: "late-error", code: "EIO" } : { type: "error", code: "EIO" };
      });
      const attempt = await openDataDirectory({
        path: "/data",
        fileSystem: dying,
        processes: machine.process(10),
        reset: true,
      }).catch((error: unknown) => error);
      if (!(attempt instanceof Error)) break;
      powerCut(disk, call, "tear");
      try {
        const after = await open(disk);
        const hasData = await disk.exists("/data/shard-00/wal/000000000001.seg");
        expect(after.incarnation === first.incarnation).toBe(hasData);
        await after.close();
      } catch (error) {
        expect((error as Error).message).toMatch(/no identity|superblock/);
      }
      const again = await open(disk, { reset: true });
      expect(again.incarnation).not.toBe(first.incarnation);
    }
  });
});

describe("a shard that is set aside", () => {
  async function withShard(disk: FileSystem): Promise<DataDirectory> {
    const data = await open(disk, { nodeId: "node-1" });
    for (const [directory, name] of [
      [data.logDirectory(0), "000000000001.seg"],
      [data.storeDirectory(0), "CURRENT"],
    ] as const) {
      await disk.makeDirectory(directory);
      await (await disk.open(`${directory}/${name}`, "create")).close();
      await disk.syncDirectory(directory);
    }
    return data;
  }

  test("is kept whole elsewhere in the folder, and the identity stays", async () => {
    const disk = new MemoryFileSystem();
    const data = await withShard(disk);
    const place = await data.setAside(0);
    expect(place).toBe("/data/quarantine-1");
    powerCut(disk, 1, "lose");
    expect(await disk.exists(`${place}/shard-00/wal/000000000001.seg`)).toBe(true);
    expect(await disk.exists(`${place}/shard-00/store/CURRENT`)).toBe(true);
    expect(await disk.exists("/data/shard-00")).toBe(false);
    const again = await open(disk);
    expect(again).toMatchObject({ created: false, incarnation: data.incarnation });
  });

  test("never lands on what was set aside before, even if some of that was removed", async () => {
    const disk = new RealFileSystem();
    const path = folder();
    const data = await openDataDirectory({ path, fileSystem: disk });
    for (const number of [1, 2, 3]) {
      await disk.makeDirectory(data.logDirectory(0));
      if (number === 3) fs.rmSync(`${path}/quarantine-1`, { recursive: true });
      expect(await data.setAside(0)).toBe(`${path}/quarantine-${String(number)}`);
    }
    expect(fs.readdirSync(`${path}/quarantine-2`)).toEqual(["shard-00"]);
    await data.close();
  });

  test("is in one of two places after a crash at any step", async () => {
    const name = "shard-00/wal/000000000001.seg";
    for (let at = 1, done = false; !done; at++) {
      const disk = new MemoryFileSystem();
      const data = await withShard(disk);
      await data.close();
      let from = Infinity;
      const dying = new FaultyFileSystem(disk, ({ mutation }) =>
        mutation >= from ? { type: "error", code: "EIO" } : undefined,
      );
      const other = await open(dying);
      from = dying.mutations + at;
      done = await other.setAside(0).then(
        () => true,
        () => false,
      );
      powerCut(disk, at, "tear");
      const places = [`/data/${name}`, `/data/quarantine-1/${name}`];
      const found = await Promise.all(places.map((path) => disk.exists(path)));
      expect(found.filter((one) => one)).toHaveLength(1);
    }
  });
});

describe("the lock", () => {
  test("refuses a second process while the first runs, naming it", async () => {
    const disk = new MemoryFileSystem();
    machine.running.set(11, "start-11");
    const first = await open(disk);
    await expect(open(disk, { processes: machine.process(11) })).rejects.toThrow(
      /in use by process 10.*Stop that process/,
    );
    await expect(open(disk)).rejects.toThrow(/in use by process 10/);
    await first.close();
    await first.close();
    await (await open(disk, { processes: machine.process(11) })).close();
  });

  test("of a process that is gone is taken over", async () => {
    const disk = new MemoryFileSystem();
    machine.running.set(12, "start-12");
    await open(disk, { processes: machine.process(12) });
    machine.running.delete(12);
    await (await open(disk)).close();
  });

  test("of an earlier process with the same id is taken over", async () => {
    const disk = new MemoryFileSystem();
    machine.running.set(1, "monday");
    await open(disk, { processes: machine.process(1) });
    machine.running.set(1, "tuesday");
    await (await open(disk, { processes: machine.process(1) })).close();
  });

  test("from before a reboot is taken over", async () => {
    const disk = new MemoryFileSystem();
    await open(disk);
    const before = machine.boot;
    machine.boot = "another boot";
    await (await open(disk)).close();
    machine.boot = before;
  });

  test("that its process did not live to write is taken over", async () => {
    const disk = new MemoryFileSystem();
    await disk.makeDirectory("/data");
    await disk.open("/data/lock", "create");
    await (await open(disk)).close();
  });
});
