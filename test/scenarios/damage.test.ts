import { describe, expect, it, jest } from "@jest/globals";
import { Xoshiro128 } from "../../src/base/index.js";
import { foundingMap } from "../../src/cluster/index.js";
import { ClusterView } from "../../src/node/cluster-view.js";
import { openReplica, type OpenReplicaOptions } from "../../src/node/open-replica.js";
import type { Replica, ReplicaHost } from "../../src/node/replica.js";
import { loadMachine, QueueMachine } from "../../src/partition/index.js";
import type { Message, SnapshotMeta } from "../../src/raft/index.js";
import {
  CorruptionError,
  type Fault,
  FaultyFileSystem,
  type FileCall,
  MemoryCheckpointDisk,
  MemoryFileSystem,
  openMemoryCheckpointStore,
  type SegmentedShardLog,
} from "../../src/storage/index.js";
import { append, brief, entriesFrom, entry, Fixture, settled, snapshotAt } from "../storage/wal/log-fixture.js";
import { type DiskImage, diskWith, imageOf } from "../storage/wal/disk-image.js";

/** Published bugs in what becomes of damage and of disk errors; the index is docs/SCENARIOS.md. */

// Processor time is about a second; a busy machine may take its time.
jest.setTimeout(60_000);

const GROUP = 1;
const members = ["n1", "n2", "n3"].map((id) => ({ id, address: `${id}:1` }));
const view = new ClusterView("n1", "", foundingMap({ members, partitionCount: 2, replicationFactor: 3 }));

/** One node's log and checkpoints in memory, and what its replica sends. */
class Host {
  readonly disk = new MemoryFileSystem();
  readonly rows = new MemoryCheckpointDisk();
  readonly sent: Message[] = [];
  fault: ((call: FileCall) => Fault | undefined) | undefined;
  readonly fixture = new Fixture(new FaultyFileSystem(this.disk, (call) => this.fault?.(call)));

  async open(): Promise<{
    readonly options: OpenReplicaOptions;
    readonly start: () => Promise<Replica>;
    readonly close: () => Promise<void>;
  }> {
    const { log, groups } = await this.fixture.open();
    const host = {
      clock: { monotonicMs: () => 0, wallMs: () => 0 },
      log,
      storageFull: false,
      send: (_group: number, message: Message) => this.sent.push(message),
      wake: () => undefined,
      leadershipChanged: () => undefined,
      committed: () => undefined,
    } as unknown as ReplicaHost;
    const options: OpenReplicaOptions = {
      ...{ dataDirectory: "/", view, log, host, heartbeatTicks: 2, electionTicks: 20 },
      store: await openMemoryCheckpointStore(this.rows),
      loaderOf: () => loadMachine(),
      newSeed: () => 1,
    };
    const found = groups.find(({ group }) => group === GROUP);
    const start = async (): Promise<Replica> => (await openReplica(options, GROUP, 1, found)).replica;
    return { options, start, close: () => log.close() };
  }
}

/** A log of ten entries, eight of them in a checkpoint. */
async function hostWithCheckpoint(): Promise<Host> {
  const host = new Host();
  const { options, start, close } = await host.open();
  await start();
  const { log, store } = options;
  await append(log as SegmentedShardLog, GROUP, entriesFrom(1, 10, 3));
  const machine = new QueueMachine();
  for (let index = 1; index <= 8; index++) machine.skip(index);
  const snapshot: SnapshotMeta = snapshotAt(8, 3);
  const cursor = machine.beginCheckpoint();
  for (let slice = cursor.next(1 << 20); slice !== undefined; slice = cursor.next(1 << 20))
    await store.write(GROUP, { snapshot, puts: slice.puts, deletes: slice.deletes });
  log.checkpointed(GROUP, snapshot, 9);
  await close();
  return host;
}

/** All rows with one bit of one of them changed; gives back what undoes it. */
function flipBit(rows: MemoryCheckpointDisk, which: "first" | "last"): () => void {
  const keys = rows.range("", "g", 1_000);
  const key = which === "first" ? keys[0]! : keys.at(-1)!;
  const good = rows.get(key)!;
  const value = Uint8Array.from(good.value);
  value[value.length - 1]! ^= 0x10;
  rows.set(key, { key: good.key, value });
  return () => {
    rows.set(key, good);
  };
}

/*
 * A NATS server that could not read its snapshot dropped the whole log, or the whole stream, and began anew. Here a checkpoint that
 * does not match its sums, or that the log has seen and that is gone, ends the start, and nothing is touched: `#load` in
 * src/storage/checkpoint-engine.ts, `openReplica` in src/node/open-replica.ts. There is no older checkpoint to fall back to.
 * Fails when the sums of root and rows are not compared; when the log's beginning is not compared with the checkpoint.
 */
describe("R24: a snapshot cannot be read, and the log is reset", () => {
  it.each(["first", "last"] as const)("damage of the %s row refuses the start and changes nothing", async (which) => {
    const host = await hostWithCheckpoint();
    const mend = flipBit(host.rows, which);
    for (let attempt = 0; attempt < 2; attempt++) {
      const { options, start, close } = await host.open();
      await expect(start()).rejects.toThrow(CorruptionError);
      expect(brief(await options.log.read(GROUP, 9, 99, 10_000))).toEqual(brief(entriesFrom(9, 2, 3)));
      await close();
    }
    mend();
    const { start, close } = await host.open();
    const replica = await start();
    expect(replica.machine.appliedIndex).toBe(8);
    expect(replica.core.status()).toMatchObject({ term: 3, vote: 1, lastIndex: 10 });
    await close();
  });

  it("a checkpoint that is gone altogether refuses the start too", async () => {
    const host = await hostWithCheckpoint();
    for (const key of host.rows.range("", "g", 1_000)) host.rows.delete(key);
    const { start, close } = await host.open();
    await expect(start()).rejects.toThrow(CorruptionError);
    await close();
  });
});

/*
 * A NATS server went on voting after its disk had refused to write votes. After the first error of a write or a sync the log
 * acknowledges nothing any more, not even what it could write later (src/storage/wal/log-writer.ts), so no vote leaves that waits
 * for the disk, and the process is told to end.
 * Fails when what is submitted after a failure is written; when a failed flush counts as done.
 */
describe("R25: a node keeps voting after write errors", () => {
  const ask = (term: number): Message => ({
    ...{ type: "vote-request", from: 2, to: 1, pre: false, lastIndex: 50, lastTerm: 1, transfer: false },
    term,
  });

  it.each(["writev", "datasync"] as const)("an error of %s is the last that anybody hears of it", async (operation) => {
    const host = new Host();
    const { start } = await host.open();
    const replica = await start();
    await settled();
    const vote = async (term: number): Promise<void> => {
      replica.step(ask(term));
      replica.turn();
      await settled(10);
    };
    await vote(1);
    expect(host.sent.splice(0)).toMatchObject([{ type: "vote-reply", term: 1, granted: true }]);
    let errors = 1;
    host.fault = (call) =>
      call.operation === operation && call.path.endsWith(".seg") && errors-- > 0
        ? { type: "error", code: "EIO" }
        : undefined;
    await vote(2);
    expect(host.fixture.errors).toMatchObject([{ code: "EIO" }]);
    // The disk works again; what it holds is not known.
    await vote(3);
    await vote(4);
    expect(host.sent).toEqual([]);
    host.disk.crash(new Xoshiro128(1), "lose");
    const again = await host.open();
    expect((await again.start()).core.status()).toMatchObject({ term: 1, vote: 2 });
    await again.close();
  });
});

/*
 * Jepsen found (NATS 2.12.1) that one damaged file on a minority of the servers made acknowledged messages vanish everywhere: the
 * damaged log was cut, and its server helped to elect a leader without them. Damage to what was durable ends the start, wherever it
 * is: `refuseIfDurable` in src/storage/wal/recovery.ts; then the node is reset and joins under another incarnation.
 * Fails when a bad frame is always taken for a torn tail.
 */
describe("R33: damage of durable data is taken for a torn tail", () => {
  async function image(): Promise<DiskImage> {
    const disk = new MemoryFileSystem();
    const log = await new Fixture(disk).openWithGroup();
    for (let i = 1; i <= 6; i++) await append(log, 1, [entry(i, 1, 3_000)]);
    await settled();
    disk.crash(new Xoshiro128(1), "keep");
    return imageOf(disk);
  }

  it("a bit that flips in any flush but the last refuses the start, and says where", async () => {
    const whole = await image();
    const name = "000000000001.seg";
    const bytes = whole.get(name)!;
    const frames: number[] = [];
    for (let at = 8192; at < bytes.length; at += 4096)
      if (bytes.toString("latin1", at, at + 4) === "FRM1") frames.push(at);
    expect(frames.length).toBeGreaterThanOrEqual(7);
    for (const at of frames.slice(0, -1)) {
      const damaged = Buffer.from(bytes);
      damaged[at + 60]! ^= 0x04;
      const start = new Fixture(await diskWith(new Map(whole).set(name, damaged))).open();
      await expect(start).rejects.toThrow(CorruptionError);
      await expect(start).rejects.toMatchObject({ offset: at, path: expect.stringContaining(name) });
    }
  });

  it("so do all four copies of the log's superblock, and a lost segment", async () => {
    const whole = await image();
    const without = new Map(whole);
    for (let copy = 0; copy < 4; copy++) without.set(`superblock.${String(copy)}`, Buffer.alloc(4096, 0xff));
    await expect(new Fixture(await diskWith(without)).open()).rejects.toThrow(CorruptionError);
    const lost = new Map(whole);
    lost.delete("000000000001.seg");
    await expect(new Fixture(await diskWith(lost)).open()).rejects.toThrow(CorruptionError);
  });
});
