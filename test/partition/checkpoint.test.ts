import { beforeEach, expect, test } from "@jest/globals";

import { AssertionError, DecodeError } from "../../src/base/index.js";
import type { MessageId } from "../../src/contract/index.js";
import {
  type CheckpointRow,
  checkInvariants,
  loadMachine,
  machineVersion,
  QueueMachine,
} from "../../src/partition/index.js";
import { rowKind } from "../../src/partition/row-keys.js";
import { batchOf, Driver, RowStore, Taking } from "./harness.js";

const on = { project: "p", queue: "q" };
const clientId = Buffer.alloc(16, 3);
const limits = { chunkMessagesMax: 4 };

let driver: Driver;
let store: RowStore;

beforeEach(() => {
  driver = new Driver(new QueueMachine(limits));
  store = new RowStore();
  driver.do({ ...on, op: "create-queue" });
});

function post(count: number, body = "body", ttlSec = 3_600): MessageId[] {
  const posted = driver.do({ ...on, op: "post", clientId, batch: batchOf(ttlSec, ...Array<string>(count).fill(body)) });
  if (posted === undefined) throw new Error("no such queue");
  return Array.from({ length: count }, (_, i) => ({ incarnation: 1, sequence: posted.firstSequence + i }));
}

/** Kinds of the rows that a checkpoint writes, and how many keys it deletes. */
function takeKinds(): Record<string, number> {
  const taking = new Taking(driver.machine.beginCheckpoint());
  while (taking.slice(100));
  taking.commit(store);
  const kinds: Record<string, number> = {};
  for (const row of taking.puts) {
    const kind = Object.entries(rowKind).find(([, byte]) => byte === row.key[0])?.[0] ?? "?";
    kinds[kind] = (kinds[kind] ?? 0) + 1;
  }
  if (taking.deletes.length > 0) kinds["deletes"] = taking.deletes.length;
  return kinds;
}

const restored = (): QueueMachine => store.load(driver.machine.appliedIndex, limits);

test("writes what changed and nothing else", () => {
  const session = { root: 1, session: 1 };
  expect(takeKinds()).toEqual({ ...session, queue: 1 });
  const ids = post(10);
  expect(takeKinds()).toEqual({ ...session, chunk: 3, bodies: 3 });
  expect(takeKinds()).toEqual({ root: 1 });
  // Claiming rewrites neither index nor bodies.
  const claim = driver.do({ ...on, op: "claim", ttlSec: 60, graceSec: 60, limit: 6 });
  expect(takeKinds()).toEqual({ ...session, claim: 1 });
  // Deleting one rewrites an index, not its bodies.
  driver.do({ ...on, op: "delete-message", id: ids[0] as MessageId, claim: claim?.id });
  expect(takeKinds()).toEqual({ ...session, chunk: 1, claim: 1 });
  // A chunk that is gone takes its rows along; the queue stays as it was while later chunks know the sequence.
  driver.do({ ...on, op: "delete-messages", ids: ids.slice(0, 4) });
  expect(takeKinds()).toEqual({ ...session, claim: 1, deletes: 2 });
  driver.do({ ...on, op: "delete-messages", ids: ids.slice(4) });
  expect(takeKinds()).toEqual({ ...session, queue: 1, deletes: 5 });
  expect(post(1)).toEqual([{ incarnation: 1, sequence: 11 }]);
  driver.do({ ...on, op: "delete-queue" });
  expect(takeKinds()).toEqual({ ...session, deletes: 1 });
  expect(store.rows.size).toBe(2);
});

test("what lives for less than a checkpoint costs no row", () => {
  takeKinds();
  for (let i = 0; i < 20; i++) {
    const ids = post(3);
    const claim = driver.do({ ...on, op: "claim", ttlSec: 60, graceSec: 60, limit: 3 });
    for (const id of ids) driver.do({ ...on, op: "delete-message", id, claim: claim?.id });
  }
  driver.do({ project: "p", queue: "short", op: "create-queue" });
  driver.do({ project: "p", queue: "short", op: "delete-queue" });
  expect(driver.machine.state.chunkChanges.dirtyCount + driver.machine.state.claimChanges.dirtyCount).toBe(0);
  expect(takeKinds()).toEqual({ root: 1, session: 1, queue: 1 });
});

test("bodies that are gone are left out of the rows", () => {
  driver = new Driver(new QueueMachine());
  driver.do({ ...on, op: "create-queue" });
  const ids = post(100, "x".repeat(1_000));
  driver.do({ ...on, op: "delete-messages", ids: ids.slice(0, 50) });
  takeKinds();
  const bodiesBytes = (): number =>
    [...store.rows.values()]
      .filter(({ key }) => key[0] === rowKind.bodies)
      .reduce((sum, { value }) => sum + value.length, 0);
  expect(bodiesBytes()).toBe(50_000);
  // A few more gone: not worth another write of the bodies. Nearly all gone: it is.
  driver.do({ ...on, op: "delete-messages", ids: ids.slice(50, 60) });
  takeKinds();
  expect(bodiesBytes()).toBe(50_000);
  const [survivor] = ids.slice(99);
  driver.do({ ...on, op: "delete-messages", ids: ids.slice(60, 99) });
  post(60, "y");
  driver.do({
    ...on,
    op: "delete-messages",
    ids: Array.from({ length: 60 }, (_, i) => ({ incarnation: 1, sequence: 101 + i })),
  });
  takeKinds();
  expect(bodiesBytes()).toBe(1_000);
  const machine = store.load(driver.machine.appliedIndex);
  expect(machine.stateHash()).toBe(driver.machine.stateHash());
  const view = new Driver(machine, driver.nowMs).ask({ ...on, op: "get-messages", ids: [survivor as MessageId] });
  expect(view.map(({ body }) => body.length)).toEqual([1_000]);
});

test("is the state of its index, however much happens before it is out", () => {
  post(40);
  const claims = [1, 2, 3].map(() => driver.do({ ...on, op: "claim", ttlSec: 60, graceSec: 60, limit: 5 })?.id);
  driver.do({ project: "p", queue: "doomed", op: "create-queue" });
  driver.do({ project: "p", queue: "doomed", op: "post", clientId, batch: batchOf(60, "1", "2", "3", "4", "5") });
  const { machine } = driver;
  const [hash, index] = [machine.stateHash(), machine.appliedIndex];
  const taking = new Taking(machine.beginCheckpoint());
  expect(taking.cursor.index).toBe(index);
  const meanwhile = [
    () => post(7, "later"),
    () =>
      driver.do({ ...on, op: "renew-claim", claim: claims[0] ?? { index: 0, ordinal: 0 }, ttlSec: 9_000, graceSec: 9 }),
    () => driver.do({ project: "p", queue: "doomed", op: "delete-queue" }),
    () => driver.do({ ...on, op: "set-metadata", metadata: Buffer.from('{"late":true}') }),
    () => driver.do({ ...on, op: "release-claim", claim: claims[1] ?? { index: 0, ordinal: 0 } }),
    () =>
      driver.do({
        ...on,
        op: "delete-messages",
        ids: [1, 2, 3, 4, 21, 22, 40].map((sequence) => ({ incarnation: 1, sequence })),
      }),
    () => {
      driver.tick(120_000);
    },
    () => driver.do({ project: "p", queue: "doomed", op: "create-queue" }),
    () => {
      driver.tick(7_200_000);
    },
  ];
  for (const change of meanwhile) {
    taking.slice(150);
    change();
    checkInvariants(machine);
  }
  while (taking.slice(150));
  taking.commit(store);
  expect(store.load(index, limits).stateHash()).toBe(hash);
  store.take(machine);
  expect(restored().stateHash()).toBe(machine.stateHash());
});

test("slices are about as large as asked for", () => {
  for (let i = 0; i < 50; i++) post(4, "x".repeat(1_000));
  const cursor = driver.machine.beginCheckpoint();
  const sizes: number[] = [];
  for (let slice = cursor.next(10_000); slice !== undefined; slice = cursor.next(10_000)) {
    sizes.push(slice.puts.reduce((sum, { key, value }) => sum + key.length + value.length, 0));
  }
  cursor.committed();
  expect(sizes.length).toBeGreaterThan(15);
  expect(Math.max(...sizes)).toBeLessThan(15_000);
});

test("one at a time, committed when it is out, ended once", () => {
  const cursor = driver.machine.beginCheckpoint();
  expect(() => driver.machine.beginCheckpoint()).toThrow(AssertionError);
  expect(() => {
    cursor.committed();
  }).toThrow(AssertionError);
  while (cursor.next(1_000) !== undefined);
  cursor.committed();
  expect(() => {
    cursor.abandoned();
  }).toThrow(AssertionError);
  driver.machine.beginCheckpoint().abandoned();
  expect(takeKinds()).toMatchObject({ root: 1 });
});

test("an abandoned checkpoint is made up for by the next, deletes included", () => {
  const ids = post(8);
  store.take(driver.machine);
  driver.do({ ...on, op: "delete-messages", ids: ids.slice(0, 4) });
  post(3);
  for (const slices of [0, 1, 100]) {
    const cursor = driver.machine.beginCheckpoint();
    for (let i = 0; i < slices; i++) cursor.next(60);
    driver.do({ ...on, op: "claim", ttlSec: 60, graceSec: 60, limit: 1 });
    cursor.abandoned();
  }
  store.take(driver.machine);
  expect(restored().stateHash()).toBe(driver.machine.stateHash());
  expect(store.rows.size).toBe(1 + 1 + 2 * 2 + 3 + 1);
});

test("a session that comes back after it was forgotten is not deleted with its old row", () => {
  const header = { session: 77, sequence: 1, lowWater: 1 };
  const create = { ...on, op: "create-queue" } as const;
  driver.send(header, create);
  store.take(driver.machine);
  driver.tick(600_000);
  expect(driver.machine.stats().sessions).toBe(0);
  driver.send(header, create);
  store.take(driver.machine);
  expect(restored().stateHash()).toBe(driver.machine.stateHash());
});

test("a restored machine deletes the rows that it was restored from", () => {
  post(9, "body", 60);
  driver.do({ ...on, op: "claim", ttlSec: 60, graceSec: 0, limit: 5 });
  store.take(driver.machine);
  driver = new Driver(restored(), driver.nowMs);
  driver.tick(600_000);
  driver.send({ session: 5, sequence: 1, lowWater: 1 }, { ...on, op: "delete-queue" });
  expect(takeKinds()).toEqual({ root: 1, session: 1, deletes: 1 + 2 * 3 + 1 + 1 });
  expect(store.rows.size).toBe(2);
});

test("rows that do not fit together are refused", () => {
  const ids = post(6);
  driver.do({ ...on, op: "claim", ttlSec: 60, graceSec: 60, limit: 2 });
  store.take(driver.machine);
  const sorted = [...store.rows.keys()].sort().map((key) => store.rows.get(key) as CheckpointRow);
  const load = (rows: readonly CheckpointRow[]): void => {
    const loader = loadMachine(limits);
    loader.add(rows);
    loader.finish(1);
  };
  load(sorted);
  const without = (kind: number): CheckpointRow[] => sorted.filter(({ key }) => key[0] !== kind);
  const cut = (kind: number): CheckpointRow[] =>
    sorted.map((row) =>
      row.key[0] === kind ? { key: row.key, value: row.value.subarray(0, row.value.length - 1) } : row,
    );
  for (const kind of [rowKind.queue, rowKind.chunk, rowKind.bodies])
    expect(() => {
      load(without(kind));
    }).toThrow(DecodeError);
  for (const kind of Object.values(rowKind))
    expect(() => {
      load(cut(kind));
    }).toThrow(DecodeError);
  expect(() => {
    load([...sorted, { key: Buffer.of(99), value: Buffer.of() }]);
  }).toThrow(DecodeError);
  expect(ids.length).toBe(6);
});

test("rows of a newer version are refused", () => {
  store.take(driver.machine);
  const root = [...store.rows.values()].find(({ key }) => key[0] === rowKind.root) as CheckpointRow;
  const newer = Buffer.from(root.value);
  newer.writeUInt16LE(machineVersion + 1, 0);
  expect(() => {
    loadMachine().add([{ key: root.key, value: newer }]);
  }).toThrow(DecodeError);
});

test("a loader is used once, and rows may be overwritten after they were added", () => {
  post(2, "kept");
  store.take(driver.machine);
  const rows = [...store.rows.keys()].sort().map((key) => store.rows.get(key) as CheckpointRow);
  const loader = loadMachine(limits);
  loader.add(rows);
  for (const { value } of rows) value.fill(0);
  const machine = loader.finish(driver.machine.appliedIndex);
  expect(machine.stateHash()).toBe(driver.machine.stateHash());
  expect(() => {
    loader.add([]);
  }).toThrow(AssertionError);
  expect(() => loader.finish(1)).toThrow(AssertionError);
});
