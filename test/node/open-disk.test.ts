import { describe, expect, jest, test } from "@jest/globals";
import fs from "node:fs";
import { type ClusterMap, metaGroup } from "../../src/cluster/index.js";
import { type NodeConfig, StartRefusal } from "../../src/config/index.js";
import { Cleanup } from "../../src/node/cleanup.js";
import type { DiskWatch } from "../../src/node/disk-watch.js";
import { openDisk, type OpenedDisk } from "../../src/node/open-disk.js";
import { incarnationOf } from "../../src/node/open-replica.js";
import { EntryKind, type HardState } from "../../src/raft/index.js";
import { CorruptionError, openDataDirectory, RealFileSystem } from "../../src/storage/index.js";
import { temporaryFolders } from "../support/temporary-folder.js";
import { foundingOf, viewOf, withNodes } from "./maps.js";
import { logger } from "./mini-cluster.js";

// Logs and stores on a real disk, which may be slow.
jest.setTimeout(60_000);

const folder = temporaryFolders();
const start = {
  ...{ index: 0, term: 0, configurationIndex: 0 },
  configuration: { voters: [1, 2, 3], outgoing: [], learners: [] },
};
const three = withNodes(foundingOf(3, 2), () => ({}));
const alone = withNodes(foundingOf(1, 2), () => ({}));

interface Found {
  readonly groups: readonly number[];
  readonly quarantines: readonly string[];
}

/** The disk of n1 in a folder of its own. */
class Place {
  readonly path = folder();
  readonly #map: ClusterMap;

  constructor(map: ClusterMap) {
    this.#map = map;
  }

  async open(mapWasStored: boolean, work?: (disk: OpenedDisk) => Promise<void>): Promise<Found> {
    const fileSystem = new RealFileSystem();
    const cleanup = new Cleanup();
    const data = await openDataDirectory({ path: this.path, clusterId: "c", nodeId: "n1", fileSystem });
    cleanup.add(() => data.close());
    try {
      const opened = await openDisk({
        config: { clusterId: "c", nodeId: "n1", segmentMib: 1 } as NodeConfig,
        ...{ data, fileSystem, view: viewOf("n1", this.#map), mapWasStored, cleanup, log: logger },
        observer: { flushed: () => undefined },
        disk: { noteSpaceLow: () => undefined } as unknown as DiskWatch,
        fatal: (error) => {
          throw error;
        },
      });
      await work?.(opened);
      const quarantines = fs.readdirSync(this.path).filter((name) => name.startsWith("quarantine-"));
      return { groups: opened.groups.map(({ group }) => group), quarantines };
    } finally {
      await cleanup.run();
    }
  }

  /** All groups of n1; those of `hard` have promised something. */
  async fill(hard?: HardState): Promise<void> {
    await this.open(true, async ({ log }) => {
      for (const group of [metaGroup, 0, 1]) {
        await log.createGroup(group, incarnationOf(1), start);
        if (hard !== undefined) await submit(log, group, hard);
      }
    });
  }

  /** Changes a byte in the middle of what the log has written. */
  damageLog(): void {
    const directory = `${this.path}/shard-00/wal`;
    const segment = fs.readdirSync(directory).find((name) => name.endsWith(".seg")) as string;
    const bytes = fs.readFileSync(`${directory}/${segment}`);
    const at = bytes.indexOf(Buffer.alloc(8, 0x77));
    expect(at).toBeGreaterThan(0);
    bytes[at] = 0x78;
    fs.writeFileSync(`${directory}/${segment}`, bytes);
  }

  damageStore(): void {
    const directory = `${this.path}/shard-00/store`;
    const manifest = fs.readdirSync(directory).find((name) => name.startsWith("MANIFEST")) as string;
    fs.writeFileSync(`${directory}/${manifest}`, Buffer.alloc(100, 0x55));
  }
}

function submit(log: OpenedDisk["log"], group: number, hard: HardState, index = 1): Promise<void> {
  return new Promise((resolve) => {
    const entries = [{ index, term: hard.term, kind: EntryKind.normal, data: Buffer.alloc(1_000, 0x77) }];
    log.submit({ group, hard, truncateFrom: undefined, entries, mustSync: true }, resolve);
  });
}

/** Entries on the disk one after the other, so that the later ones prove that the first was. */
async function more({ log }: OpenedDisk): Promise<void> {
  for (let index = 2; index <= 5; index++) await submit(log, 1, { ...voted, term: 4 }, index);
}

const voted: HardState = { term: 3, vote: 2, commit: 0 };

describe("the disk of a node", () => {
  test("is empty at first, then what was written", async () => {
    const place = new Place(three);
    expect(await place.open(false)).toEqual({ groups: [], quarantines: [] });
    await place.fill(voted);
    const { groups } = await place.open(true);
    expect(new Set(groups)).toEqual(new Set([metaGroup, 0, 1]));
  });

  test("with a log and no map is refused when anything was promised, and lets go of everything", async () => {
    const place = new Place(three);
    await place.fill(voted);
    for (let attempt = 0; attempt < 2; attempt++) {
      const starting = place.open(false);
      await expect(starting).rejects.toThrow(StartRefusal);
      await expect(starting).rejects.toThrow("but no cluster map");
    }
    expect((await place.open(true)).groups).toHaveLength(3);
  });

  test("with a log and no map goes on when nothing was promised: a first start that ended early", async () => {
    const place = new Place(three);
    await place.fill();
    expect((await place.open(false)).groups).toHaveLength(3);
  });

  test("whose log is damaged is set aside whole, and begins empty, where others hold everything", async () => {
    const place = new Place(three);
    await place.fill(voted);
    await place.open(true, more);
    place.damageLog();
    expect(await place.open(true)).toEqual({ groups: [], quarantines: ["quarantine-1"] });
    expect(fs.readdirSync(`${place.path}/quarantine-1/shard-00`).sort()).toEqual(["store", "wal"]);
    expect((await place.open(true)).quarantines).toEqual(["quarantine-1"]);
  });

  test("whose store is damaged is set aside likewise", async () => {
    const place = new Place(three);
    await place.fill(voted);
    place.damageStore();
    expect(await place.open(true)).toEqual({ groups: [], quarantines: ["quarantine-1"] });
  });

  test("that is damaged and has the only copy of anything is refused, and not touched", async () => {
    const place = new Place(alone);
    await place.fill(voted);
    await place.open(true, more);
    place.damageLog();
    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(place.open(true)).rejects.toThrow(CorruptionError);
      expect(fs.readdirSync(place.path).filter((name) => name.startsWith("quarantine"))).toEqual([]);
    }
  });

  test("that is damaged and has no map is refused: nobody knows who else holds what", async () => {
    const place = new Place(three);
    await place.fill(voted);
    await place.open(true, more);
    place.damageLog();
    await expect(place.open(false)).rejects.toThrow(CorruptionError);
  });
});
