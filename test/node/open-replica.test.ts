import { describe, expect, test } from "@jest/globals";
import { MemberMap } from "../../src/node/members.js";
import { openReplica, type OpenReplicaOptions } from "../../src/node/open-replica.js";
import type { ReplicaHost } from "../../src/node/replica.js";
import { QueueMachine } from "../../src/partition/index.js";
import type { SnapshotMeta } from "../../src/raft/index.js";
import {
  type CheckpointStore,
  CorruptionError,
  MemoryCheckpointDisk,
  MemoryFileSystem,
  openMemoryCheckpointStore,
  openShardLog,
} from "../../src/storage/index.js";

const GROUP = 0;
const members = new MemberMap(
  ["n1", "n2", "n3"].map((id) => ({ id, address: `${id}:1` })),
  1,
  3,
);
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
      nodeId: "n1",
      members,
      log: opened.log,
      store,
      host: {} as ReplicaHost,
      heartbeatTicks: 2,
      electionTicks: 20,
      newIncarnation: () => "00000000000000aa",
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
    const { replica, checkpoint } = await openReplica(options, GROUP, undefined);
    expect(checkpoint).toBeUndefined();
    expect(replica.core.status()).toMatchObject({ role: "follower", term: 0, lastIndex: 0, configuration });
    expect(replica.machine.appliedIndex).toBe(0);
    await log.close();
  });

  test("a crash between the two steps of an installation is completed: the checkpoint wins over a log that ends before it", async () => {
    const disk = new Disk();
    const first = await disk.open();
    await openReplica(first.options, GROUP, undefined);
    await writeCheckpoint(first.store, snapshotAt(50));
    await first.log.close();

    const second = await disk.open();
    const { replica, checkpoint } = await openReplica(second.options, GROUP, second.groups[0]);
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
    const error = await openReplica(first.options, GROUP, undefined).catch((found: unknown) => found);
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
    await openReplica(first.options, GROUP, undefined);
    await first.log.installSnapshot(GROUP, snapshotAt(50), { term: 4, vote: 0, commit: 50 });
    if (older !== undefined) await writeCheckpoint(first.store, snapshotAt(older));
    await first.log.close();

    const second = await disk.open();
    const error = await openReplica(second.options, GROUP, second.groups[0]).catch((found: unknown) => found);
    expect(error).toBeInstanceOf(CorruptionError);
    expect(error).toMatchObject({ group: GROUP, message: expect.stringContaining("begins after 50") });
    await second.log.close();
  });
});
