import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import type { SnapshotPart } from "../../src/peer/index.js";
import { SnapshotNet, type SnapshotNode, snapshotAt, TERM, withLimits } from "./snapshot-net.js";

const GROUP = 3;
/** A group whose snapshot the leader is sending already. */
const FIRST = 2;

describe("a leader that is busy sending", () => {
  let net: SnapshotNet;
  let leader: SnapshotNode;
  let follower: SnapshotNode;
  let lagging: SnapshotNode;
  let restore: () => void;
  const held: number[] = [];

  beforeEach(async () => {
    restore = withLimits({ snapshotPartBytes: 1_000, snapshotWindow: 3 });
    net = new SnapshotNet();
    leader = await net.start("n1");
    follower = await net.start("n2");
    lagging = await net.start("n3");
    await leader.checkpoint(FIRST, 50, 60);
    await leader.checkpoint(GROUP, 100, 60);
    await follower.checkpoint(GROUP, 120, 70);
    leader.lead(FIRST);
    leader.lead(GROUP, 2, 4);
    held.length = 0;
    const pin = leader.checkpointer.pin.bind(leader.checkpointer);
    jest.spyOn(leader.checkpointer, "pin").mockImplementation((group, index) => {
      if (group === GROUP) held.push(index);
      const unpin = pin(group, index);
      return () => {
        if (group === GROUP) held.splice(held.indexOf(index), 1);
        unpin();
      };
    });
    onWay(({ part }) => part);
    leader.send(FIRST, 3, 40);
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    const fatal = await net.stopAll();
    restore();
    expect(fatal).toEqual([]);
  });

  /** Changes what travels, but the first transfer never moves. */
  function onWay(change: SnapshotNet["onWay"]): void {
    net.onWay = (said) =>
      said.part.group === FIRST && said.part.kind === "stored" && said.part.number > 3 ? undefined : change(said);
  }

  const told = (): number[] => leader.replica(GROUP).told.map(({ index }) => index);

  test("lets a replica that is up to date send its own checkpoint, in the leader's name", async () => {
    leader.send(GROUP, 3, 90);
    expect(held).toEqual([90]);
    await net.until(() => told().length > 0, "the report");
    await net.until(() => lagging.replica(GROUP).commit > 0, "the installation");
    expect(told()).toEqual([120]);
    // Until the receiver says that it goes on from there.
    expect(held).toEqual([120]);
    expect(lagging.replica(GROUP).stepped).toEqual([
      { type: "snapshot-request", from: 1, to: 3, term: TERM, snapshot: snapshotAt(120) },
    ]);
    expect(lagging.replica(GROUP).machine.stateHash()).toBe(follower.hashOf(GROUP));
    expect(net.parts("n1", "rows").every(({ group }) => group === FIRST)).toBe(true);
    expect(leader.transfers.counts.delegated).toBe(1);
    expect(follower.replica(GROUP).told).toEqual([]);
  });

  test("sends itself when it is not busy", async () => {
    leader.transfers.forget(leader.asReplica(FIRST));
    await net.settle();
    leader.send(GROUP, 3, 90);
    await net.until(() => told().length > 0, "the report");
    expect(told()).toEqual([100]);
  });

  test.each([
    ["whose checkpoint is too old", 121, undefined],
    ["that is sending enough already", 90, 2],
  ])("sends itself when it asked one %s, and does not ask that one again soon", async (_, minimumIndex, others) => {
    if (minimumIndex > 100) await leader.checkpoint(GROUP, 130, 61);
    if (others !== undefined) await net.start("n5");
    if (others !== undefined)
      for (const group of [7, 8]) {
        await follower.checkpoint(group, 10, 60);
        follower.lead(group);
        follower.send(group, 5, 1);
      }
    onWay(({ part }) => (part.group > GROUP ? undefined : part));
    leader.send(GROUP, 3, minimumIndex);
    await net.until(() => told().length > 0, "the report");
    expect(told()).toEqual([others === undefined ? 130 : 100]);
    expect(held).toEqual(told());
    leader.send(GROUP, 3, minimumIndex);
    await net.settle();
    expect(leader.transfers.counts.delegated).toBe(1);
    await net.second();
    for (let i = 0; i < 10; i++) await net.second();
    leader.send(FIRST, 3, 40);
    leader.send(GROUP, 3, minimumIndex);
    expect(leader.transfers.counts.delegated).toBe(2);
  });

  test("asks nobody who lags, is silent, out of reach, or the receiver's neighbour on its node", async () => {
    const [peer] = leader.replica(GROUP).peers;
    if (peer === undefined) throw new Error("a peer is there");
    for (const change of [
      { state: "probe" as const },
      { state: "snapshot" as const },
      { recentlyActive: false },
      { match: 80 },
      { id: 3 },
      // Node n4 does not run.
      { id: 4 },
    ]) {
      leader.replica(GROUP).peers = [{ ...peer, ...change }];
      leader.send(GROUP, 3, 90);
      expect(leader.transfers.counts.delegated).toBe(0);
    }
    await net.settle();
  });

  test("waits for one that reports, however long it takes, and not for one that is silent", async () => {
    onWay(({ part }) => (part.kind === "stored" && part.number > 5 ? undefined : part));
    leader.send(GROUP, 3, 90);
    await net.settle();
    // The transfer stands still for three seconds: its sender notices, not the leader.
    for (let i = 0; i < 3; i++) await net.second();
    expect(told()).toEqual([]);
    expect(net.parts("n2", "delegated").length).toBe(3);
    await net.second();
    expect(told()).toEqual([0]);
    expect(held).toEqual([]);

    onWay(({ part }) => (part.kind === "delegated" ? undefined : part));
    leader.send(GROUP, 3, 90);
    await net.settle();
    for (let i = 0; i < 3; i++) await net.second();
    expect(told()).toEqual([0]);
    await net.second();
    expect(told()).toEqual([0, 0]);
  });

  test("asks the one that was interrupted again, busy or not, and it goes on where it was", async () => {
    onWay(({ part }) => (part.kind === "stored" && part.number > 5 ? undefined : part));
    leader.send(GROUP, 3, 90);
    await net.settle();
    net.break("n2", "n3");
    await net.settle();
    expect(told()).toEqual([0]);
    net.mend("n2", "n3");
    leader.transfers.forget(leader.asReplica(FIRST));
    await net.settle();
    expect(leader.transfers.sending).toBe(0);
    onWay(({ part }) => part);
    net.said.length = 0;
    leader.send(GROUP, 3, 90);
    await net.until(() => told().length > 1, "the report");
    expect(told()).toEqual([0, 120]);
    expect(net.parts("n2", "rows")[0]?.number).toBeGreaterThan(5);
    expect(follower.transfers.counts.resumed).toBe(1);
  });

  test("hears at once that the one it asked is out of reach", async () => {
    onWay(({ part }) => (part.kind === "stored" && part.number > 5 ? undefined : part));
    leader.send(GROUP, 3, 90);
    await net.settle();
    net.break("n1", "n2");
    expect(told()).toEqual([0]);
    expect(held).toEqual([]);
  });

  test("forgets what it asked for when it leads no more, and the other ends it in the next term", async () => {
    onWay(({ part }) => (part.kind === "stored" && part.number > 5 ? undefined : part));
    leader.send(GROUP, 3, 90);
    await net.settle();
    expect(follower.transfers.sending).toBe(1);
    for (const node of [leader, follower]) {
      node.replica(GROUP).leadership = { role: "follower", term: TERM + 1, leader: 4 };
      node.transfers.leadershipChanged(node.asReplica(GROUP));
    }
    await net.settle();
    expect(held).toEqual([]);
    expect(told()).toEqual([]);
    expect(follower.transfers.sending).toBe(0);
  });

  test("speaks for itself only: nobody sends in the name of a third, or of a leader of the past", async () => {
    leader.send(GROUP, 3, 90);
    const [wish] = net.parts("n1", "delegate") as [SnapshotPart];
    follower.transfers.received("n3", follower.asReplica(GROUP), wish);
    await net.settle();
    const before = net.parts("n2", "offer").length;
    follower.replica(GROUP).leadership = { role: "follower", term: TERM + 1, leader: 4 };
    follower.transfers.received("n1", follower.asReplica(GROUP), { ...wish, transfer: 99 });
    await net.settle();
    expect(before).toBe(1);
    expect(net.parts("n2", "offer")).toHaveLength(1);
  });
});
