import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { SnapshotPart } from "../../src/peer/index.js";
import { SnapshotNet, type SnapshotNode, TERM, withLimits } from "./snapshot-net.js";

const GROUP = 3;
const BUSY = 0;

/** Lets a transfer stand still after so many parts are stored. */
const stopAfter =
  (count: number) =>
  ({ part }: { readonly part: SnapshotPart }): SnapshotPart | undefined =>
    part.kind === "stored" && part.number > count ? undefined : part;

describe("who receives snapshots", () => {
  let net: SnapshotNet;
  let leader: SnapshotNode;
  let other: SnapshotNode;
  let lagging: SnapshotNode;
  let restore: () => void;

  beforeEach(async () => {
    restore = withLimits({ snapshotPartBytes: 1_000, snapshotWindow: 3 });
    net = new SnapshotNet();
    leader = await net.start("n1");
    other = await net.start("n2");
    lagging = await net.start("n3");
    for (const node of [leader, other]) await node.checkpoint(GROUP, 100, 60);
    leader.lead(GROUP);
  });
  afterEach(async () => {
    const fatal = await net.stopAll();
    restore();
    expect(fatal).toEqual([]);
  });

  const refusals = (): (readonly [string, number])[] =>
    net.said.filter(({ part }) => part.kind === "refused").map(({ to, part }) => [to, part.number]);

  /** Node n2 leads from now on, in a later term. */
  function leadElsewhere(group = GROUP): void {
    other.lead(group);
    other.replica(group).leadership = { role: "leader", term: TERM + 1, leader: 2 };
  }

  test("goes on with the same rows of another sender", async () => {
    net.onWay = stopAfter(5);
    leader.send(GROUP, 3, 90);
    await net.settle();
    net.break("n1", "n3");
    await net.settle();
    net.onWay = ({ part }) => part;
    leadElsewhere();
    other.send(GROUP, 3, 90);
    await net.until(() => other.replica(GROUP).told.length > 0, "the report");
    await net.until(() => lagging.replica(GROUP).commit === 100, "the installation");
    const first = net.parts("n2", "rows")[0]?.number ?? 0;
    expect(first).toBeGreaterThan(5);
    expect(other.transfers.counts.resumed).toBe(1);
    expect(lagging.replica(GROUP).stepped).toMatchObject([{ from: 2, term: TERM + 1 }]);
    expect(lagging.replica(GROUP).machine.stateHash()).toBe(leader.hashOf(GROUP));
  });

  test("does not leave a transfer that makes progress for another", async () => {
    net.onWay = stopAfter(5);
    await other.checkpoint(GROUP, 200, 61);
    leader.send(GROUP, 3, 90);
    await net.settle();
    other.lead(GROUP);
    other.send(GROUP, 3, 90);
    await net.settle();
    expect(refusals()).toEqual([["n2", BUSY]]);
    expect(other.replica(GROUP).told).toEqual([]);
    await net.second();
    expect(other.replica(GROUP).told).toEqual([{ to: 3, index: 0 }]);
    expect(lagging.transfers.receiving).toBe(1);
  });

  test("leaves it for one of a later term, whose announcement will count", async () => {
    net.onWay = stopAfter(5);
    await other.checkpoint(GROUP, 200, 61);
    leader.send(GROUP, 3, 90);
    await net.settle();
    net.onWay = ({ part }) => part;
    leadElsewhere();
    other.send(GROUP, 3, 90);
    await net.until(() => lagging.replica(GROUP).commit === 200, "the installation");
    expect(lagging.replica(GROUP).machine.stateHash()).toBe(other.hashOf(GROUP));
    // The first sender hears that its parts are not wanted any more.
    net.onWay = ({ part }) => part;
    await net.second();
    await net.second();
    await net.second();
    await net.second();
    expect(leader.replica(GROUP).told).toEqual([{ to: 3, index: 0 }]);
  });

  test.each(["whose sender is gone", "that stands still"])("leaves a transfer %s for another", async (which) => {
    net.onWay = stopAfter(5);
    await other.checkpoint(GROUP, 200, 61);
    leader.send(GROUP, 3, 90);
    await net.settle();
    if (which === "that stands still") for (let i = 0; i < 4; i++) await net.second();
    else net.break("n1", "n3");
    net.onWay = ({ part }) => part;
    other.lead(GROUP);
    other.send(GROUP, 3, 90);
    await net.until(() => lagging.replica(GROUP).commit === 200, "the installation");
    expect(lagging.transfers.receiving).toBe(0);
  });

  test("takes two at a time, and a third as soon as one is over or interrupted", async () => {
    for (const group of [4, 5]) await other.checkpoint(group, 100, 60);
    net.onWay = stopAfter(5);
    leader.send(GROUP, 3, 90);
    other.lead(4);
    other.send(4, 3, 90);
    await net.settle();
    other.lead(5);
    other.send(5, 3, 90);
    await net.settle();
    expect(refusals()).toEqual([["n2", BUSY]]);
    expect(lagging.transfers.receiving).toBe(2);
    await net.second();
    net.break("n1", "n3");
    net.onWay = ({ part }) => (part.group === 5 ? part : stopAfter(5)({ part }));
    other.send(5, 3, 90);
    await net.until(() => lagging.replica(5).commit === 100, "the installation");
    await net.settle();
    expect(other.replica(5).told).toEqual([
      { to: 3, index: 0 },
      { to: 3, index: 100 },
    ]);
    // The interrupted one has lost its place: it begins anew.
    net.mend("n1", "n3");
    net.onWay = ({ part }) => part;
    net.said.length = 0;
    leader.send(GROUP, 3, 90);
    await net.until(() => lagging.replica(GROUP).commit === 100, "the installation");
    expect(net.parts("n1", "rows")[0]?.number).toBe(0);
  });

  test.each([
    ["a changed row", (part: SnapshotPart) => ({ ...part, rows: changed(part.rows) })],
    ["a part without its rows", (part: SnapshotPart) => ({ ...part, rows: Buffer.alloc(0) })],
  ])("installs nothing with %s in it, says so aloud, and the transfer starts afresh", async (_, damage) => {
    net.onWay = ({ part }) => (part.kind === "rows" && part.number === 7 ? damage(part) : part);
    leader.send(GROUP, 3, 90);
    await net.settle();
    expect(lagging.errors).toEqual(["a snapshot arrived damaged; it starts afresh"]);
    expect(lagging.transfers.counts.damaged).toBe(1);
    expect(lagging.replica(GROUP).stepped).toEqual([]);
    expect(lagging.transfers.receiving).toBe(0);
    await net.second();
    expect(leader.replica(GROUP).told).toEqual([{ to: 3, index: 0 }]);
    net.onWay = ({ part }) => part;
    net.said.length = 0;
    leader.send(GROUP, 3, 90);
    await net.until(() => lagging.replica(GROUP).commit === 100, "the installation");
    expect(net.parts("n1", "rows")[0]?.number).toBe(0);
    expect(lagging.replica(GROUP).machine.stateHash()).toBe(leader.hashOf(GROUP));
  });

  test("hears nothing of a transfer that it does not know", async () => {
    const part = { group: GROUP, transfer: 77, number: 0, rows: Buffer.alloc(0), detail: Buffer.alloc(0) };
    for (const kind of ["rows", "end"] as const)
      lagging.transfers.received("n1", lagging.asReplica(GROUP), { ...part, kind });
    for (const kind of ["stored", "accepted", "refused"] as const)
      leader.transfers.received("n3", leader.asReplica(GROUP), { ...part, kind });
    await net.settle();
    expect(refusals()).toEqual([
      ["n1", 1],
      ["n1", 1],
    ]);
    expect(leader.replica(GROUP).told).toEqual([]);
  });
});

/** The last byte of the last row is another. */
function changed(rows: Uint8Array): Uint8Array {
  const copy = Buffer.from(rows);
  const last = copy.length - 1;
  copy[last] = (copy[last] as number) ^ 1;
  return copy;
}
