import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { nodeLimits } from "../../src/node/limits.js";
import type { SnapshotPart } from "../../src/peer/index.js";
import { SnapshotNet, type SnapshotNode, withLimits } from "./snapshot-net.js";

const GROUP = 3;

describe("a transfer that is interrupted", () => {
  let net: SnapshotNet;
  let leader: SnapshotNode;
  let lagging: SnapshotNode;
  let restore: () => void;
  let total: number;

  beforeEach(async () => {
    restore = withLimits({ snapshotPartBytes: 1_000, snapshotWindow: 3 });
    net = new SnapshotNet();
    leader = await net.start("n1");
    lagging = await net.start("n3");
    leader.lead(GROUP, 2);
    await leader.checkpoint(GROUP, 100, 60);
    total = 0;
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    const fatal = await net.stopAll();
    restore();
    expect(fatal).toEqual([]);
  });

  const told = (): number[] => leader.replica(GROUP).told.map(({ index }) => index);
  const sent = (): number[] => net.parts("n1", "rows").map(({ number }) => number);

  /** Breaks the stream when the receiver has said that it has `count` parts. */
  async function breakAfter(count: number): Promise<void> {
    let broken = false;
    net.onWay = ({ part }) => {
      if (part.kind === "stored" && part.number === count && !broken) {
        broken = true;
        setImmediate(() => {
          net.break("n1", "n3");
        });
      }
      return part;
    };
    leader.send(GROUP, 3, 90);
    await net.until(() => told().length > 0, "the report of the failure");
    await net.settle();
    net.onWay = ({ part }) => part;
    total = net.said.length;
  }

  /** Lets the core ask again, and waits for the end. */
  async function again(minimumIndex = 90): Promise<void> {
    leader.send(GROUP, 3, minimumIndex);
    await net.until(() => told().length > 1, "the report");
    await net.until(() => lagging.replica(GROUP).commit > 0, "the installation");
  }

  /** Numbers of the parts with rows that left since the interruption. */
  const sentSince = (): number[] =>
    net.said.slice(total).flatMap(({ part }) => (part.kind === "rows" ? [part.number] : []));

  test("goes on after the last part that is stored", async () => {
    await breakAfter(5);
    expect(told()).toEqual([0]);
    net.mend("n1", "n3");
    await again();
    expect(told()).toEqual([0, 100]);
    const first = sentSince()[0] ?? 0;
    expect(first).toBeGreaterThanOrEqual(5);
    expect(sentSince()).toEqual(sentSince().map((_, i) => first + i));
    expect(lagging.replica(GROUP).machine.stateHash()).toBe(leader.hashOf(GROUP));
    expect(leader.transfers.counts).toMatchObject({ resumed: 1, failed: 1 });
  });

  test("more than once, as often as it takes", async () => {
    await breakAfter(2);
    for (const count of [5, 8, 11]) {
      net.mend("n1", "n3");
      leader.replica(GROUP).told.length = 0;
      await breakAfter(count);
      expect(told()).toEqual([0]);
    }
    net.mend("n1", "n3");
    await again();
    expect(sentSince()[0]).toBeGreaterThanOrEqual(11);
    expect(lagging.replica(GROUP).machine.stateHash()).toBe(leader.hashOf(GROUP));
    expect(leader.transfers.counts).toMatchObject({ resumed: 4, failed: 4 });
  });

  test("goes on with the rows that it began with, although there is a newer checkpoint", async () => {
    const hash = leader.hashOf(GROUP);
    await breakAfter(5);
    await leader.checkpoint(GROUP, 200, 90);
    net.mend("n1", "n3");
    await again();
    expect(told()).toEqual([0, 100]);
    expect(sentSince()[0]).toBeGreaterThanOrEqual(5);
    expect(lagging.replica(GROUP).machine.stateHash()).toBe(hash);
  });

  test("starts afresh with the newer one when the log no longer follows the older", async () => {
    await breakAfter(5);
    await leader.checkpoint(GROUP, 200, 90);
    net.mend("n1", "n3");
    await again(150);
    expect(told()).toEqual([0, 200]);
    expect(sentSince()[0]).toBe(0);
    expect(lagging.replica(GROUP).machine.stateHash()).toBe(leader.hashOf(GROUP));
    expect(leader.transfers.counts.resumed).toBe(0);
  });

  test("keeps the log behind it and its view for a while, and no longer", async () => {
    const unpinned: number[] = [];
    const pin = leader.checkpointer.pin.bind(leader.checkpointer);
    jest.spyOn(leader.checkpointer, "pin").mockImplementation((group, index) => {
      const unpin = pin(group, index);
      return () => {
        unpinned.push(index);
        unpin();
      };
    });
    await breakAfter(5);
    for (let i = 0; i < nodeLimits.snapshotResumeMs / 1_000 - 1; i++) await net.second();
    expect(unpinned).toEqual([]);
    await net.second();
    expect(unpinned).toEqual([100]);
    await net.second();
    // The receiver has given up its part too.
    expect(lagging.transfers.receiving).toBe(0);
    net.mend("n1", "n3");
    await again();
    expect(sentSince()[0]).toBe(0);
    expect(told()).toEqual([0, 100]);
  });

  test("starts afresh when the receiver was restarted, since what it had staged is gone", async () => {
    await breakAfter(5);
    const before = lagging;
    before.transfers.stop();
    await before.transfers.close();
    lagging = await net.start("n3");
    net.mend("n1", "n3");
    await again();
    expect(sentSince()[0]).toBe(0);
    expect(lagging.replica(GROUP).machine.stateHash()).toBe(leader.hashOf(GROUP));
    await before.store.close();
  });

  test("by a lost part goes on with that part", async () => {
    let lost = 0;
    net.onWay = ({ part }) => (part.kind === "rows" && part.number === 6 && lost++ === 0 ? undefined : part);
    leader.send(GROUP, 3, 90);
    await net.until(() => told().length > 0, "the report of the failure");
    await net.settle();
    total = net.said.length;
    await again();
    expect(told()).toEqual([0, 100]);
    expect(sentSince()[0]).toBe(6);
  });

  test.each([
    ["the offer", ({ kind }: SnapshotPart) => kind === "offer"],
    ["the answer to it", ({ kind, number }: SnapshotPart) => kind === "stored" && number === 0],
    ["all answers after some", ({ kind, number }: SnapshotPart) => kind === "stored" && number > 4],
    ["the end", ({ kind }: SnapshotPart) => kind === "end"],
    ["the acceptance", ({ kind }: SnapshotPart) => kind === "accepted"],
  ])("by the loss of %s is noticed by the silence, and ends well", async (_, lost) => {
    net.onWay = ({ part }) => (lost(part) ? undefined : part);
    leader.send(GROUP, 3, 90);
    await net.settle();
    for (let i = 0; i < 3; i++) await net.second();
    expect(told()).toEqual([]);
    await net.second();
    expect(told()).toEqual([0]);
    expect(leader.transfers.sending).toBe(0);
    net.onWay = ({ part }) => part;
    await again();
    expect(told()).toEqual([0, 100]);
    expect(lagging.replica(GROUP).machine.stateHash()).toBe(leader.hashOf(GROUP));
  });

  test("is not taken for silent while the checkpoint is still being made", async () => {
    let finish = (): void => undefined;
    const slow = new Promise<void>((resolve) => {
      finish = resolve;
    });
    void leader.checkpointer.exclusively(() => slow);
    const { machine } = leader.replica(GROUP);
    while (machine.appliedIndex < 120) machine.skip(machine.appliedIndex + 1);
    leader.send(GROUP, 3, 110);
    for (let i = 0; i < 10; i++) await net.second();
    expect(told()).toEqual([]);
    finish();
    await net.until(() => told().length > 0, "the report");
    expect(told()).toEqual([120]);
  });

  test("waits for room in the network's buffer", async () => {
    const node = net.networkOf("n1");
    let full = false;
    leader.transfers.start({
      ...node,
      sendSnapshotPart: (to, part) => !full && node.sendSnapshotPart(to, part),
    });
    net.onWay = ({ part }) => {
      if (part.kind === "stored" && part.number === 4) full = true;
      return part;
    };
    leader.send(GROUP, 3, 90);
    await net.settle();
    expect(told()).toEqual([]);
    full = false;
    for (let i = 0; i < 10 && told().length === 0; i++) {
      net.time.advance(20);
      await net.settle();
    }
    expect(told()).toEqual([100]);
    expect(leader.transfers.counts).toMatchObject({ failed: 0, resumed: 0 });
    expect(sent()).toEqual(sent().map((_, i) => i));
  });
});

test("all transfers of a node together stay within its rate", async () => {
  const restore = withLimits({ snapshotPartBytes: 1_000, snapshotBytesPerSecondMax: 20_000 });
  const net = new SnapshotNet();
  const leader = await net.start("n1");
  await net.start("n3");
  for (const group of [3, 4]) {
    leader.lead(group);
    await leader.checkpoint(group, 100, 100);
    leader.send(group, 3, 90);
  }
  const startMs = net.time.now;
  const { counts } = leader.transfers;
  for (let i = 0; i < 80; i++) {
    await net.settle();
    const passedMs = net.time.now - startMs;
    // What may go at once after a pause, and one part of each transfer that waits.
    expect(counts.bytesSent).toBeLessThanOrEqual((20_000 * (passedMs + 50)) / 1_000 + 2_000);
    net.time.advance(20);
  }
  expect(counts.bytesSent).toBeGreaterThan(20_000);
  for (let i = 0; i < 200 && leader.transfers.sending > 0; i++) {
    net.time.advance(50);
    await net.settle(10);
  }
  expect([...leader.replicas.values()].map(({ told }) => told)).toEqual([
    [{ to: 3, index: 100 }],
    [{ to: 3, index: 100 }],
  ]);
  expect(await net.stopAll()).toEqual([]);
  restore();
});
