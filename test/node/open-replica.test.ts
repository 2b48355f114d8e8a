import { describe, expect, test } from "@jest/globals";
import { incarnationOf, openReplica, type OpenReplicaOptions, replicaIdOf } from "../../src/node/open-replica.js";
import type { ReplicaHost } from "../../src/node/replica.js";
import { loadMachine, QueueMachine } from "../../src/partition/index.js";
import type { SnapshotMeta } from "../../src/raft/index.js";
import {
  type CheckpointStore,
  CorruptionError,
  MemoryCheckpointDisk,
  MemoryFileSystem,
  openMemoryCheckpointStore,
  openShardLog,
} from "../../src/storage/index.js";
import { foundingOf, placed, replicaIdAt, viewOf } from "./maps.js";

const GROUP = 0;
const OWN = 1;
const view = viewOf("n1", foundingOf(3));
const configuration = { voters: [1, 2, 3], outgoing: [], learners: [] };

class Disk {
  readonly fileSystem = new MemoryFileSystem();
  readonly store = new MemoryCheckpointDisk();

  async open() {
    const opened = await openShardLog({
      directory: "/log",
      clusterId: "c",
      nodeId: "n1",
      shard: 0,
      fileSystem: this.fileSystem,
      segmentBytes: 64 * 1024,
      onFatal: (error) => {
        throw error;
      },
    });
    const store = await openMemoryCheckpointStore(this.store);
    const options: OpenReplicaOptions = {
      dataDirectory: "/",
      view,
      log: opened.log,
      store,
      host: {} as ReplicaHost,
      heartbeatTicks: 2,
      electionTicks: 20,
      loaderOf: () => loadMachine(),
      newSeed: () => 1,
    };
    return { ...opened, store, options };
  }
}

/** The checkpoint of a machine that took `index` entries without commands. */
async function writeCheckpoint(store: CheckpointStore, snapshot: SnapshotMeta): Promise<void> {
  const machine = new QueueMachine();
  for (let index = 1; index <= snapshot.index; index++) machine.skip(index);
  const cursor = machine.beginCheckpoint();
  for (let slice = cursor.next(1 << 20); slice !== undefined; slice = cursor.next(1 << 20))
    await store.write(GROUP, { snapshot, puts: slice.puts, deletes: slice.deletes });
}

const snapshotAt = (index: number): SnapshotMeta => ({ index, term: 4, configuration, configurationIndex: 0 });

describe("opening a replica", () => {
  test("a new one starts empty, with the voters of the map", async () => {
    const { options, log } = await new Disk().open();
    const { replica, checkpoint } = await openReplica(options, GROUP, OWN, undefined);
    expect(checkpoint).toBeUndefined();
    expect(replica.core.status()).toMatchObject({ role: "follower", term: 0, lastIndex: 0, configuration });
    expect(replica.machine.appliedIndex).toBe(0);
    await log.close();
  });

  test("a crash between the two steps of an installation is completed: the checkpoint wins over a log that ends before it", async () => {
    const disk = new Disk();
    const first = await disk.open();
    await openReplica(first.options, GROUP, OWN, undefined);
    await writeCheckpoint(first.store, snapshotAt(50));
    await first.log.close();

    const second = await disk.open();
    const { replica, checkpoint } = await openReplica(second.options, GROUP, OWN, second.groups[0]);
    expect(checkpoint?.index).toBe(50);
    expect(replica.machine.appliedIndex).toBe(50);
    expect(replica.core.status()).toMatchObject({ term: 4, commit: 50, applied: 50, lastIndex: 50 });
    await second.log.close();

    const third = await disk.open();
    expect(third.groups[0]?.state.snapshot.index).toBe(50);
    await third.log.close();
  });

  test("a checkpoint without a log is refused: the votes and messages of that log were promises", async () => {
    const disk = new Disk();
    const first = await disk.open();
    await writeCheckpoint(first.store, snapshotAt(50));
    const error = await openReplica(first.options, GROUP, OWN, undefined).catch((found: unknown) => found);
    expect(error).toBeInstanceOf(CorruptionError);
    expect(error).toMatchObject({ group: GROUP, message: expect.stringContaining("the log was lost") });
    expect(await first.store.open(GROUP)).toMatchObject({ snapshot: { index: 50 } });
    await first.log.close();
  });

  test.each([
    ["is gone", undefined],
    ["is an older one", 20],
  ])("a log that begins after a checkpoint that %s is refused: a part of the folder was replaced", async (_, older) => {
    const disk = new Disk();
    const first = await disk.open();
    await openReplica(first.options, GROUP, OWN, undefined);
    await first.log.installSnapshot(GROUP, snapshotAt(50), { term: 4, vote: 0, commit: 50 });
    if (older !== undefined) await writeCheckpoint(first.store, snapshotAt(older));
    await first.log.close();

    const second = await disk.open();
    const error = await openReplica(second.options, GROUP, OWN, second.groups[0]).catch((found: unknown) => found);
    expect(error).toBeInstanceOf(CorruptionError);
    expect(error).toMatchObject({ group: GROUP, message: expect.stringContaining("begins after 50") });
    await second.log.close();
  });

  test("one that joins later starts from the founding voters, too, and does not campaign", async () => {
    const { options, log } = await new Disk().open();
    const id = replicaIdAt(4, 7);
    const map = placed(foundingOf(4), GROUP, { target: [1, 2, id], generation: 7 });
    const { replica } = await openReplica({ ...options, view: viewOf("n4", map) }, GROUP, id, undefined);
    expect(replica.core.status()).toMatchObject({ id, configuration });
    for (let tick = 0; tick < 100; tick++) replica.core.tick();
    expect(replica.core.status()).toMatchObject({ role: "follower", term: 0 });
    await log.close();
  });

  test("the log knows it by its id, and forgets nothing of it in between", async () => {
    const disk = new Disk();
    const first = await disk.open();
    const id = replicaIdAt(1, 3);
    await openReplica(first.options, GROUP, id, undefined);
    await first.log.close();
    const second = await disk.open();
    expect(second.groups.map(({ incarnation }) => replicaIdOf(incarnation))).toEqual([id]);
    await second.log.close();
  });

  test.each(["", "1", "00000000000000aA", "0000000000000000", "000000000000000g", "ffffffffffffffff"])(
    "what no replica wrote is the id of none: %s",
    (incarnation) => {
      expect(replicaIdOf(incarnation)).toBeUndefined();
    },
  );

  test.each([1, 2 ** 20 + 1, Number.MAX_SAFE_INTEGER])("ids go there and back: %d", (id) => {
    expect(incarnationOf(id)).toHaveLength(16);
    expect(replicaIdOf(incarnationOf(id))).toBe(id);
  });
});
