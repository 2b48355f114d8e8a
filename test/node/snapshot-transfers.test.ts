import { describe, expect, test } from "@jest/globals";
import { ByteWriter, systemClock, systemTimers } from "../../src/base/index.js";
import { Checkpointer, type CheckpointerOptions } from "../../src/node/checkpointer.js";
import type { Replica } from "../../src/node/replica.js";
import { SnapshotTransfers } from "../../src/node/snapshot-transfers.js";
import { loadMachine, QueueMachine } from "../../src/partition/index.js";
import { type PeerNetwork, type SnapshotPart, writeMessage } from "../../src/peer/index.js";
import type { Message, SnapshotMeta } from "../../src/raft/index.js";
import { MemoryCheckpointDisk, openMemoryCheckpointStore, type SegmentedShardLog } from "../../src/storage/index.js";
import { createLogger } from "../../src/telemetry/index.js";

const GROUP = 3;
const configuration = { voters: [1, 2, 3], outgoing: [], learners: [] };
const snapshotAt = (index: number): SnapshotMeta => ({ index, term: 2, configuration, configurationIndex: 0 });

/** A replica that accepts every snapshot, as far as transfers see one. */
class FakeReplica {
  readonly group = GROUP;
  readonly core = { status: () => ({ term: 2, vote: 0 }) };
  installing = false;
  installed: number[] = [];
  #offered: SnapshotMeta | undefined;
  readonly accept: (snapshot: SnapshotMeta) => void;

  constructor(accept: (snapshot: SnapshotMeta) => void) {
    this.accept = accept;
  }

  step(message: Message): void {
    if (message.type === "snapshot-request") this.#offered = message.snapshot;
  }

  turn(): void {
    if (this.#offered === undefined) return;
    this.installing = true;
    this.accept(this.#offered);
    this.#offered = undefined;
  }

  snapshotInstalled(snapshot: SnapshotMeta): void {
    this.installing = false;
    this.installed.push(snapshot.index);
  }
}

/** The one part of a snapshot without more rows than the machine's own. */
function wholeSnapshot(transfer: number, index: number): SnapshotPart {
  const rows = new ByteWriter();
  const cursor = new QueueMachine().beginCheckpoint();
  for (let slice = cursor.next(1_000_000); slice !== undefined; slice = cursor.next(1_000_000))
    for (const row of slice.puts) {
      rows.bytes32(row.key);
      rows.bytes32(row.value);
    }
  const request = new ByteWriter();
  writeMessage(request, GROUP, { type: "snapshot-request", from: 1, to: 2, term: 2, snapshot: snapshotAt(index) });
  const empty = { acknowledgement: false, failed: false };
  return { group: GROUP, transfer, number: 0, rows: rows.take(), request: request.take(), ...empty };
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 1_000 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 1));
  expect(condition()).toBe(true);
}

describe("snapshots that arrive", () => {
  test("one that was accepted and waits for a checkpoint is not dropped for a newer one", async () => {
    const fatal: Error[] = [];
    const options: CheckpointerOptions = {
      clock: systemClock,
      timers: systemTimers,
      log: { installSnapshot: () => Promise.resolve() } as unknown as SegmentedShardLog,
      store: await openMemoryCheckpointStore(new MemoryCheckpointDisk()),
      logger: createLogger({ name: "test", level: "silent" }),
      checkpointLogBytes: 1,
      logSegmentsMax: 1,
      observer: { committed: () => undefined, leaderChanged: () => undefined, checkpointed: () => undefined },
      loaderOf: () => loadMachine(),
      fatal: (error) => fatal.push(error),
    };
    const checkpointer = new Checkpointer(options);
    const transfers = new SnapshotTransfers(options, checkpointer);
    const answers: { transfer: number; failed: boolean }[] = [];
    const network = {
      sendSnapshotPart: (_: string, { transfer, failed }: SnapshotPart) => answers.push({ transfer, failed }) > 0,
    };
    transfers.start(network as unknown as PeerNetwork);
    const fake = new FakeReplica((snapshot) => {
      transfers.install(replica, snapshot);
    });
    const replica = fake as unknown as Replica;
    // A checkpoint on a slow disk holds the installation up.
    let finish = (): void => undefined;
    const slow = new Promise<void>((resolve) => {
      finish = resolve;
    });
    void checkpointer.exclusively(() => slow);

    transfers.received("n1", replica, wholeSnapshot(1, 101));
    await until(() => fake.installing);
    transfers.received("n1", replica, wholeSnapshot(2, 167));
    await until(() => answers.length === 2);
    finish();
    await until(() => fake.installed.length > 0 || fatal.length > 0);

    expect(fatal).toEqual([]);
    expect(fake.installed).toEqual([101]);
    expect(answers).toEqual([
      { transfer: 1, failed: false },
      { transfer: 2, failed: true },
    ]);
  });
});
