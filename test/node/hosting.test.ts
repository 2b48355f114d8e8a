import { describe, expect, test } from "@jest/globals";
import { Xoshiro128 } from "../../src/base/index.js";
import { type ClusterMap, foundingVoters, metaGroup, placementOf, seatOf } from "../../src/cluster/index.js";
import type { MemberNetwork } from "../../src/node/cluster-member.js";
import { ClusterView } from "../../src/node/cluster-view.js";
import { decodeControl } from "../../src/node/control-codec.js";
import { nodeLimits } from "../../src/node/limits.js";
import { replicaIdOf } from "../../src/node/open-replica.js";
import { StorageNode } from "../../src/node/storage-node.js";
import { QueueMachine } from "../../src/partition/index.js";
import {
  type CrashMode,
  FaultyFileSystem,
  MemoryCheckpointDisk,
  MemoryFileSystem,
  openMemoryCheckpointStore,
  openShardLog,
  type SegmentedShardLog,
  type ViewableCheckpointStore,
} from "../../src/storage/index.js";
import { foundingOf, incarnationAt, placed, replicaIdAt, withNodes } from "./maps.js";
import { logger, ManualTime, TICK_MS } from "./mini-cluster.js";

const NODE = "n1";
const YOUNG = replicaIdAt(1, 1);

/** n1 holds the meta group and partitions 0, 2 and 3 of four. */
const before = withNodes(foundingOf(4, 4), () => ({}));
/** It gives partition 0 away, gets partition 1, and its replica of partition 2 is made again. */
const after = [
  [0, { replicas: [4, 2, 3], generation: 1 }],
  [1, { target: [YOUNG, 2, 3], generation: 1 }],
  [2, { target: [YOUNG, 3, 4], former: [], generation: 1 }],
].reduce<ClusterMap>(
  (map, [group, change]) => placed(map, group as number, change as Partial<ClusterMap["meta"]>),
  before,
);

class Crashed extends Error {}

/** The disk of one node. Everything that it is asked for is a step; from a given one on nothing happens any more. */
class Disk {
  files = new MemoryFileSystem();
  readonly rows = new MemoryCheckpointDisk();
  map: ClusterMap | undefined;
  crashAt = Infinity;
  steps = 0;
  /** In the order in which they became durable. */
  readonly story: string[] = [];

  step(): void {
    if (++this.steps >= this.crashAt) throw new Crashed("the power is gone");
  }

  save(map: ClusterMap): Promise<void> {
    return Promise.resolve().then(() => {
      this.step();
      this.map = map;
      this.story.push(`map ${String(map.version)}`);
      this.step();
    });
  }

  powerCut(mode: CrashMode): void {
    this.files.crash(new Xoshiro128(this.steps), mode);
    this.rows.crash();
    this.crashAt = Infinity;
  }
}

interface Life {
  readonly node: StorageNode;
  readonly store: ViewableCheckpointStore;
  readonly view: ClusterView;
  readonly fatal: Error[];
  /** Replicas that were made, and such as came back. */
  readonly made: string[];
  readonly found: string[];
}

const nameOf = (group: number, id: number): string => `${group === metaGroup ? "meta" : String(group)}:${String(id)}`;

/** Steps of the log and of the store are told to the disk. */
async function openDisk(disk: Disk, onFatal: (error: Error) => void) {
  const fileSystem = new FaultyFileSystem(disk.files, ({ mutation }) => {
    if (mutation === 0 || disk.steps + 1 < disk.crashAt) {
      if (mutation > 0) disk.steps++;
      return undefined;
    }
    disk.steps++;
    return { type: "error", code: "EIO" };
  });
  const opened = await openShardLog({
    ...{ directory: "/log", clusterId: "c", nodeId: NODE, shard: 0, fileSystem, segmentBytes: 64 * 1024, onFatal },
    spares: 0,
  });
  const store = await openMemoryCheckpointStore(disk.rows);
  return { log: watchedLog(disk, opened.log), store: watchedStore(disk, store), groups: opened.groups };
}

function watchedLog(disk: Disk, log: SegmentedShardLog): SegmentedShardLog {
  const { createGroup, removeGroup } = log;
  log.createGroup = async (group, incarnation, start) => {
    await createGroup.call(log, group, incarnation, start);
    disk.story.push(`made ${nameOf(group, replicaIdOf(incarnation) ?? 0)}`);
  };
  log.removeGroup = async (group) => {
    await removeGroup.call(log, group);
    disk.story.push(`removed ${String(group)}`);
  };
  return log;
}

function watchedStore(disk: Disk, store: ViewableCheckpointStore): ViewableCheckpointStore {
  const { clear } = store;
  store.clear = async (group) => {
    disk.step();
    await clear.call(store, group);
    disk.step();
  };
  return store;
}

async function live(disk: Disk, first: ClusterMap): Promise<Life> {
  const fatal: Error[] = [];
  const made: string[] = [];
  const found: string[] = [];
  const onFatal = (error: Error): void => void fatal.push(error);
  const { log, store, groups } = await openDisk(disk, onFatal);
  const known = new Set(groups.map(({ group, incarnation }) => nameOf(group, replicaIdOf(incarnation) ?? 0)));
  const view = new ClusterView(NODE, incarnationAt(1), disk.map ?? first);
  const time = new ManualTime();
  const node = new StorageNode({
    ...{ view, mapStore: disk, mapWasStored: disk.map !== undefined, clock: time, timers: time, log, store, logger },
    ...{ dataDirectory: "/", tickMs: TICK_MS, heartbeatTicks: 2, electionTicks: 20, checkpointLogBytes: 1 << 30 },
    ...{ logSegmentsMax: 99, movesMax: 4, clockSkewMaxMs: 500, newSeed: () => 1, incarnationOf: () => undefined },
    observer: { committed: () => undefined, leaderChanged: () => undefined, checkpointed: () => undefined },
    opened: ({ replica: { group, id } }) => {
      const name = nameOf(group, id);
      (known.has(name) ? found : made).push(name);
    },
    fatal: onFatal,
  });
  await node.recover(groups);
  return { node, store, view, fatal, made, found };
}

const hosted = ({ node }: Life): string[] =>
  [...node.shard.replicas.values()].map(({ group, id }) => nameOf(group, id));

const wanted = (map: ClusterMap): string[] => {
  const view = new ClusterView(NODE, incarnationAt(1), map);
  return [...view.ownGroups()].map(([group, id]) => nameOf(group, id));
};

/** What it tells the meta group about. */
function lostOf({ node }: Life): string[] {
  const lost = new Set<string>();
  const network = {
    setPeers: () => undefined,
    sendControl: (_: string, bytes: Uint8Array) => {
      const news = decodeControl(bytes);
      if (news.type === "replica-lost") lost.add(nameOf(news.group, news.replica));
      return true;
    },
  };
  node.member.start(network as unknown as MemberNetwork);
  for (let tick = 0; tick < nodeLimits.memberTicksPerRound; tick++) node.member.tick();
  return [...lost];
}

async function settle(): Promise<void> {
  for (let i = 0; i < 200; i++) await new Promise((resolve) => setImmediate(resolve));
}

async function end({ node }: Life): Promise<void> {
  node.stop();
  await node.close();
  await node.shard.log.close();
}

describe("hosting what the map says", () => {
  test("a first start makes its replicas, then stores the map, and only then is there anybody", async () => {
    const disk = new Disk();
    const life = await live(disk, before);
    expect(disk.story.at(-1)).toBe(`map ${String(before.version)}`);
    expect(life.made.sort()).toEqual(wanted(before).sort());
    expect(hosted(life).sort()).toEqual(wanted(before).sort());
    await end(life);
  });

  test("what a new map gives is made first, then the map is stored, then it acts and what goes is removed", async () => {
    const disk = new Disk();
    const life = await live(disk, before);
    disk.story.length = 0;
    life.view.adopt(after);
    await settle();
    expect(disk.story).toEqual([
      ...[
        `made 1:${String(YOUNG)}`,
        "removed 2",
        `made 2:${String(YOUNG)}`,
        `map ${String(after.version)}`,
        "removed 0",
      ],
    ]);
    expect(hosted(life).sort()).toEqual(wanted(after).sort());
    await end(life);
  });

  test("a new replica does not act before the map that names it is stored", async () => {
    const disk = new Disk();
    const life = await live(disk, before);
    let stored = (): void => undefined;
    disk.save = (map) =>
      new Promise((resolve) => {
        stored = () => {
          disk.map = map;
          resolve();
        };
      });
    life.view.adopt(after);
    await settle();
    expect(hosted(life)).not.toContain(nameOf(1, YOUNG));
    expect(hosted(life)).toContain(nameOf(0, 1));
    stored();
    await settle();
    expect(hosted(life).sort()).toEqual(wanted(after).sort());
    await end(life);
  });

  test("of maps that come while it works only the last one counts", async () => {
    const disk = new Disk();
    const life = await live(disk, before);
    life.view.adopt(after);
    const last = placed(placed(after, 1, { target: [4, 2, 3], generation: 2 }), 2, { generation: 2 });
    life.view.adopt(last);
    life.view.adopt(placed(last, 3, { generation: 3 }));
    await settle();
    expect(disk.map?.version).toBe(last.version + 1);
    expect(hosted(life).sort()).toEqual(wanted(last).sort());
    await end(life);
  });

  test("a map that knows this node no more changes nothing of what it holds", async () => {
    const disk = new Disk();
    const life = await live(disk, before);
    let over = "";
    void life.node.over.then((reason) => (over = reason));
    const without = withNodes(after, ({ seat }) => (seat === 1 ? { state: "lost" } : {}));
    life.view.adopt(after);
    life.view.adopt(without);
    await settle();
    expect(over).toContain("no member");
    expect(disk.map?.version).not.toBe(without.version);
    expect(disk.story).not.toContain("removed 3");
    await end(life);
    expect(life.fatal).toEqual([]);
  });

  test("a stop in the midst of it leaves everything in order", async () => {
    for (let turns = 0; turns < 40; turns++) {
      const disk = new Disk();
      const life = await live(disk, before);
      life.view.adopt(after);
      for (let i = 0; i < turns; i++) await Promise.resolve();
      life.node.stop();
      await settle();
      await life.node.close();
      await life.node.shard.log.close();
      expect(life.fatal).toEqual([]);
      const again = await live(disk, before);
      again.view.adopt(after);
      await settle();
      expect(again.fatal).toEqual([]);
      await end(again);
    }
  });

  test("an error of the disk ends the process", async () => {
    const disk = new Disk();
    const life = await live(disk, before);
    disk.save = () => Promise.reject(new Error("no room"));
    life.view.adopt(after);
    await settle();
    expect(life.fatal.map(({ message }) => message)).toEqual(["no room"]);
    await end(life);
  });
});

/** A checkpoint of five entries without commands. */
async function checkpoint({ store }: Life, group: number): Promise<void> {
  const machine = new QueueMachine();
  for (let index = 1; index <= 5; index++) machine.skip(index);
  const configuration = { voters: foundingVoters(before, group), outgoing: [], learners: [] };
  const snapshot = { index: 5, term: 1, configuration, configurationIndex: 0 };
  const cursor = machine.beginCheckpoint();
  for (let slice = cursor.next(1 << 20); slice !== undefined; slice = cursor.next(1 << 20))
    await store.write(group, { snapshot, ...slice });
}

describe("a crash while a map is followed", () => {
  /** Crashes at step `at`, and looks at what comes back. False when there is no such step. */
  async function crashAt(at: number, mode: CrashMode): Promise<boolean> {
    const disk = new Disk();
    const first = await live(disk, before);
    for (const group of [0, 2]) await checkpoint(first, group);
    disk.steps = 0;
    disk.crashAt = at;
    first.view.adopt(after);
    await settle();
    const crashed = disk.steps >= at;
    // What has been hosted may have voted and stored messages.
    const acted = new Set([...wanted(before), ...hosted(first)]);
    first.node.stop();
    disk.powerCut(mode);

    const second = await live(disk, before);
    const stored = disk.map as ClusterMap;
    const again = second.made.filter((name) => acted.has(name));
    expect({ at, mode, again }).toEqual({ at, mode, again: [] });
    // Whatever the stored map names is here or lost.
    const lost = lostOf(second);
    expect([...hosted(second), ...lost].sort()).toEqual(wanted(stored).sort());
    for (const name of lost) expect(acted).toContain(name);

    second.view.adopt(after);
    await settle();
    expect(second.fatal).toEqual([]);
    expect(second.made.filter((name) => acted.has(name))).toEqual([]);
    expect(hosted(second).sort()).toEqual(wanted(after).sort());
    expect(lostOf(second)).toEqual([]);
    expect(second.node.shard.log.holds(0)).toBe(false);
    expect(await second.store.open(0)).toBeUndefined();
    await end(second);

    const third = await live(disk, before);
    expect([third.made, third.fatal, lostOf(third)]).toEqual([[], [], []]);
    expect(third.found.sort()).toEqual(wanted(after).sort());
    await end(third);
    return crashed;
  }

  test.each(["lose", "keep", "tear"] as const)(
    "at any step: no replica lives twice, nothing is forgotten, and the map is followed in the end (%s)",
    async (mode) => {
      let at = 1;
      while (await crashAt(at, mode)) at++;
      expect(at).toBeGreaterThan(10);
    },
  );

  test("the placements of the test are what they claim to be", () => {
    const seats = (map: ClusterMap, group: number): number[] => (placementOf(map, group)?.replicas ?? []).map(seatOf);
    expect([0, 1, 2, 3].map((group) => seats(before, group).includes(1))).toEqual([true, false, true, true]);
    expect(wanted(after)).toEqual([nameOf(metaGroup, 1), `1:${String(YOUNG)}`, `2:${String(YOUNG)}`, "3:1"]);
  });
});
