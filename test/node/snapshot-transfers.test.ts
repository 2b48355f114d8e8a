import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { nodeLimits } from "../../src/node/limits.js";
import { writeOffer } from "../../src/node/snapshot-wire.js";
import { SnapshotNet, type SnapshotNode, snapshotAt, TERM, withLimits } from "./snapshot-net.js";

const GROUP = 3;

describe("a snapshot on its way", () => {
  let net: SnapshotNet;
  let leader: SnapshotNode;
  let lagging: SnapshotNode;
  let restore: () => void;

  beforeEach(async () => {
    restore = withLimits({ snapshotPartBytes: 1_000, snapshotWindow: 3 });
    net = new SnapshotNet();
    leader = await net.start("n1");
    lagging = await net.start("n3");
    leader.lead(GROUP, 2);
    await leader.checkpoint(GROUP, 100, 60);
  });
  afterEach(async () => {
    const fatal = await net.stopAll();
    restore();
    expect(fatal).toEqual([]);
  });

  test("arrives in parts, a window at a time, and takes the place of the state", async () => {
    let inFlight = 0;
    let mostInFlight = 0;
    net.onWay = ({ part }) => {
      if (part.kind === "rows") mostInFlight = Math.max(mostInFlight, ++inFlight);
      if (part.kind === "stored" && part.number > 0) inFlight--;
      return part;
    };
    leader.send(GROUP, 3, 90);
    await net.until(() => leader.replica(GROUP).told.length > 0, "the report");
    await net.until(() => lagging.replica(GROUP).commit === 100, "the installation");
    expect(leader.replica(GROUP).told).toEqual([{ to: 3, index: 100 }]);
    expect(lagging.replica(GROUP).machine.stateHash()).toBe(leader.hashOf(GROUP));
    const parts = net.parts("n1", "rows");
    expect(parts.length).toBeGreaterThan(8);
    expect(parts.map(({ number }) => number)).toEqual(parts.map((_, i) => i));
    expect(Math.max(...parts.map(({ rows }) => rows.length))).toBeLessThanOrEqual(1_000);
    expect(mostInFlight).toBe(3);
    expect(lagging.replica(GROUP).stepped).toEqual([
      { type: "snapshot-request", from: 1, to: 3, term: TERM, snapshot: snapshotAt(100) },
    ]);
    const bytes = parts.reduce((sum, { rows }) => sum + rows.length, 0);
    expect(leader.transfers.counts).toMatchObject({ partsSent: parts.length, bytesSent: bytes, resumed: 0, failed: 0 });
    expect(lagging.transfers.counts).toMatchObject({ partsReceived: parts.length, bytesReceived: bytes, damaged: 0 });
    expect([leader.transfers.sending, lagging.transfers.receiving]).toEqual([0, 0]);
  });

  test("whose receiver has all that already costs no rows, and its core answers", async () => {
    lagging.replica(GROUP).commit = 100;
    leader.send(GROUP, 3, 90);
    await net.until(() => leader.replica(GROUP).told.length > 0, "the report");
    expect(leader.replica(GROUP).told).toEqual([{ to: 3, index: 100 }]);
    expect(net.parts("n1", "rows")).toEqual([]);
    expect(lagging.replica(GROUP).stepped).toHaveLength(1);
  });

  test("is the newest checkpoint; one is written first when the last does not reach far enough", async () => {
    const replica = leader.replica(GROUP);
    while (replica.machine.appliedIndex < 120) replica.machine.skip(replica.machine.appliedIndex + 1);
    leader.send(GROUP, 3, 110);
    await net.until(() => replica.told.length > 0, "the report");
    expect(replica.told).toEqual([{ to: 3, index: 120 }]);
  });

  test("to a node that nobody knows, or without a slot, fails a little later, so that the core asks again", async () => {
    net.onWay = () => undefined;
    leader.transfers.send(leader.asReplica(GROUP), { to: 9, minimumIndex: 1 }, undefined);
    leader.send(GROUP, 3, 90);
    leader.lead(4);
    await leader.checkpoint(4, 100, 1);
    leader.send(4, 3, 90);
    leader.lead(5);
    leader.send(5, 3, 90);
    expect(leader.transfers.sending).toBe(nodeLimits.outgoingSnapshotsMax);
    expect(leader.replica(GROUP).told).toEqual([]);
    await net.second();
    expect(leader.replica(GROUP).told).toEqual([{ to: 9, index: 0 }]);
    expect(leader.replica(5).told).toEqual([{ to: 3, index: 0 }]);
  });

  test("ends when its sender leads no more, and nothing is kept or reported", async () => {
    net.onWay = ({ part }) => (part.kind === "stored" && part.number > 2 ? undefined : part);
    leader.send(GROUP, 3, 90);
    await net.settle();
    leader.replica(GROUP).leadership = { role: "follower", term: TERM + 1, leader: 2 };
    leader.transfers.leadershipChanged(leader.asReplica(GROUP));
    await net.settle();
    expect(leader.transfers.sending).toBe(0);
    leader.lead(GROUP, 2);
    leader.send(GROUP, 3, 90);
    await net.settle();
    expect(net.parts("n1", "offer")).toHaveLength(2);
  });

  test("that is under way when a node stops holds nobody up, and nothing is reported", async () => {
    net.onWay = ({ part }) => (part.kind === "stored" && part.number > 2 ? undefined : part);
    leader.send(GROUP, 3, 90);
    await net.settle();
    leader.transfers.stop();
    lagging.transfers.stop();
    await Promise.all([leader.transfers.close(), lagging.transfers.close()]);
    expect(leader.replica(GROUP).told).toEqual([]);
    leader.send(GROUP, 3, 90);
    expect(leader.transfers.sending).toBe(0);
  });

  test("of a replica that is removed is given up on both sides", async () => {
    net.onWay = ({ part }) => (part.kind === "stored" && part.number > 2 ? undefined : part);
    leader.send(GROUP, 3, 90);
    await net.settle();
    leader.transfers.forget(leader.asReplica(GROUP));
    lagging.transfers.forget(lagging.asReplica(GROUP));
    await net.settle();
    expect([leader.transfers.sending, lagging.transfers.receiving]).toEqual([0, 0]);
    await lagging.store.clear(GROUP);
    expect(await lagging.store.open(GROUP)).toBeUndefined();
  });

  test("that was accepted and waits for a checkpoint is not dropped for a newer one", async () => {
    // A checkpoint on a slow disk holds the installation up.
    let finish = (): void => undefined;
    const slow = new Promise<void>((resolve) => {
      finish = resolve;
    });
    void lagging.checkpointer.exclusively(() => slow);
    leader.send(GROUP, 3, 90);
    await net.until(() => leader.replica(GROUP).told.length > 0, "the report");
    expect(lagging.replica(GROUP).installing).toBe(true);
    await leader.checkpoint(GROUP, 167, 61);
    leader.send(GROUP, 3, 150);
    await net.until(() => net.parts("n3", "refused").length > 0, "the refusal");
    finish();
    await net.until(() => lagging.replica(GROUP).commit > 0, "the installation");
    expect(lagging.replica(GROUP).commit).toBe(100);
    await net.second();
    expect(leader.replica(GROUP).told).toEqual([
      { to: 3, index: 100 },
      { to: 3, index: 0 },
    ]);
  });

  test("is not installed when its replica is removed before its turn comes", async () => {
    let finish = (): void => undefined;
    const slow = new Promise<void>((resolve) => {
      finish = resolve;
    });
    void lagging.checkpointer.exclusively(() => slow);
    leader.send(GROUP, 3, 90);
    await net.until(() => lagging.replica(GROUP).installing, "the core's decision");
    lagging.transfers.forget(lagging.asReplica(GROUP));
    finish();
    await net.settle();
    expect(lagging.replica(GROUP).commit).toBe(0);
    expect(await lagging.store.open(GROUP)).toBeUndefined();
  });

  test("for another replica of the same node is refused for good", async () => {
    const announcement = { type: "snapshot-request", from: 1, to: 8, term: TERM, snapshot: snapshotAt(100) } as const;
    const offer = { rowCount: 1, hash: { low: 0, high: 0 }, partBytes: 1_000, announcement };
    const content = { number: 0, rows: Buffer.alloc(0), detail: writeOffer(GROUP, offer) };
    lagging.transfers.received("n1", lagging.asReplica(GROUP), {
      group: GROUP,
      transfer: 1,
      kind: "offer",
      ...content,
    });
    await net.settle();
    expect(net.parts("n3", "refused")).toMatchObject([{ transfer: 1, number: 3 }]);
    expect(lagging.transfers.receiving).toBe(0);
  });
});
