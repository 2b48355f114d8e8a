import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { fromBinary } from "@bufbuild/protobuf";
import { DecodeError } from "../../src/base/index.js";
import type { Command } from "../../src/command/index.js";
import { RequestStatus } from "../../src/contract/index.js";
import { PeerFrameSchema } from "../../src/gen/marconi/v1/peers_pb.js";
import { MessageFrame } from "../../src/peer/index.js";
import type { Message } from "../../src/raft/index.js";
import { FakeGateway, MiniCluster, type MiniNode } from "./mini-cluster.js";

// Moments of processor time each; a busy machine may take its time.
jest.setTimeout(60_000);

const create: Command = { project: "p", queue: "q", op: "create-queue" };

function frameOf(message: Message): Uint8Array {
  const frame = new MessageFrame();
  frame.add(0, message);
  return fromBinary(PeerFrameSchema, frame.take()).messages;
}

describe("a shard", () => {
  let cluster: MiniCluster;
  afterEach(async () => {
    jest.restoreAllMocks();
    await cluster.stopAll();
  });

  async function started(...ids: string[]): Promise<MiniNode> {
    cluster = new MiniCluster(ids);
    await cluster.startAll();
    return cluster.leader();
  }

  test("tells a gateway who leads when it comes, and whenever that changes", async () => {
    const leader = await started("n1", "n2", "n3");
    const gateway = new FakeGateway(leader);
    await cluster.settle();
    expect(gateway.frames.flatMap((frame) => frame.leaders)).toMatchObject([
      { partition: 0, leaderNodeId: leader.id, serving: true },
    ]);
    cluster.cut.add(leader.id);
    await cluster.until(() => !leader.replica.serving, "the end of the reign");
    await cluster.settle();
    expect(gateway.frames.at(-1)?.leaders.at(-1)).toMatchObject({ partition: 0, leaderNodeId: "", serving: false });
  });

  test("a partition that is not here is somebody else's", async () => {
    const leader = await started("n1");
    const gateway = new FakeGateway(leader);
    leader.shard.request(gateway.connection, 9, 5, Buffer.alloc(1));
    await cluster.settle();
    expect(gateway.statuses(9)).toEqual([RequestStatus.notLeader]);
  });

  test("forgets a gateway that does not take its answers", async () => {
    const leader = await started("n1");
    const gateway = new FakeGateway(leader);
    await cluster.settle();
    gateway.bufferedBytes = 1 << 30;
    gateway.command(leader, create);
    await cluster.settle();
    expect(gateway.ended).toBe(true);
    expect(leader.shard.gatewayCount).toBe(0);
    const late = gateway.command(leader, { ...create, queue: "late" });
    await cluster.settle();
    expect(gateway.statuses(late)).toEqual([]);
    expect(leader.replica.machine.stats().queues).toBe(1);
  });

  test("hands its leaderships over before a stop, is not ready from then on, and takes none back", async () => {
    const leader = await started("n1", "n2", "n3");
    await cluster.until(() => leader.shard.isReady, "readiness");
    expect(leader.shard.drain()).toBe(1);
    expect(leader.shard.isReady).toBe(false);
    await cluster.until(() => leader.shard.drain() === 0, "the hand-over");
    const next = await cluster.leader();
    expect(next).not.toBe(leader);
    const back = { from: next.replica.core.status().id, to: leader.replica.core.status().id };
    const step = jest.spyOn(leader.replica, "step");
    leader.shard.messages(next.id, frameOf({ type: "timeout-now", ...back, term: next.replica.leadership.term }));
    expect(step).not.toHaveBeenCalled();
  });

  test("goes on to the next successor when the best one is refused", async () => {
    const leader = await started("n1", "n2", "n3");
    const asked: number[] = [];
    const transfer = jest.spyOn(leader.replica.core, "transferLeadership").mockImplementation((to) => {
      asked.push(to);
      return asked.length === 2;
    });
    expect(leader.shard.drain()).toBe(1);
    expect(new Set(asked).size).toBe(2);
    transfer.mockRestore();
  });

  test("does not wait for a successor when no other node is there", async () => {
    const alone = await started("n1");
    expect(alone.shard.drain()).toBe(0);
    expect(alone.shard.ledCount).toBe(1);
  });

  test("gives the log nothing once it stopped, whatever is under way", async () => {
    const alone = await started("n1");
    const gateway = new FakeGateway(alone);
    await cluster.settle();
    const failures: unknown[] = [];
    const note = (error: unknown): void => {
      failures.push(error);
    };
    process.on("uncaughtException", note);
    process.on("unhandledRejection", note);
    try {
      gateway.command(alone, create);
      // The first entry is on its way to the disk; the second waits for it.
      await new Promise((resolve) => setImmediate(resolve));
      gateway.command(alone, { ...create, queue: "second" });
      await alone.stop();
      await cluster.settle();
      alone.shard.request(gateway.connection, 99, 0, Buffer.alloc(1));
      alone.shard.messages("n1", Buffer.from([1]));
      alone.shard.disconnected("n1", true);
      await cluster.settle();
    } finally {
      process.off("uncaughtException", note);
      process.off("unhandledRejection", note);
    }
    expect(failures).toEqual([]);
    expect(alone.fatal).toEqual([]);
    expect(gateway.ended).toBe(true);
    expect(cluster.time.running).toBe(0);
    const late = new FakeGateway(alone);
    expect(late.ended).toBe(true);
  });

  test("a frame that does not follow the format changes nothing, not even by its first message", async () => {
    const leader = await started("n1", "n2", "n3");
    const follower = [...cluster.nodes.values()].find((node) => node !== leader) as MiniNode;
    const { id, term } = leader.replica.core.status();
    const to = follower.replica.core.status().id;
    const step = jest.spyOn(follower.replica, "step");
    const good = frameOf({ type: "heartbeat", from: id, to, term, commit: 0, context: 0 });
    expect(() => {
      follower.shard.messages(leader.id, Buffer.concat([good, Buffer.from([7])]));
    }).toThrow(DecodeError);
    const { configuration } = leader.replica.core.status();
    const snapshot = { index: 500, term, configuration, configurationIndex: 0 };
    expect(() => {
      follower.shard.messages(leader.id, frameOf({ type: "snapshot-request", from: id, to, term, snapshot }));
    }).toThrow(DecodeError);
    expect(step).not.toHaveBeenCalled();
  });

  test("a message in the name of another node is not heard", async () => {
    const leader = await started("n1", "n2", "n3");
    const [one, other] = [...cluster.nodes.values()].filter((node) => node !== leader) as [MiniNode, MiniNode];
    const step = jest.spyOn(one.replica, "step");
    const { id, term } = leader.replica.core.status();
    const message: Message = {
      type: "heartbeat",
      from: id,
      to: one.replica.core.status().id,
      term,
      commit: 0,
      context: 0,
    };
    one.shard.messages(other.id, frameOf(message));
    expect(step).not.toHaveBeenCalled();
  });

  test.each([
    ["rows that end in the middle", "rows", { rows: Buffer.from([9, 0, 0, 0, 1]), detail: Buffer.alloc(0) }],
    ["an offer that is none", "offer", { rows: Buffer.alloc(0), detail: Buffer.from([1, 2, 3]) }],
    [
      "an offer of something else",
      "offer",
      {
        rows: Buffer.alloc(0),
        detail: Buffer.concat([
          Buffer.alloc(20),
          Buffer.from(frameOf({ type: "timeout-now", from: 1, to: 2, term: 1 })),
        ]),
      },
    ],
    ["a wish that is none", "delegate", { rows: Buffer.alloc(0), detail: Buffer.from([1, 2, 3]) }],
    ["a report that is none", "delegated", { rows: Buffer.alloc(0), detail: Buffer.alloc(9, 7) }],
  ] as const)("a part of a snapshot with %s is refused before anything is done", async (_, kind, content) => {
    const leader = await started("n1", "n2", "n3");
    const stage = jest.spyOn(leader.store, "stage");
    const part = { group: 0, transfer: 1, kind, number: 0, ...content };
    expect(() => {
      leader.shard.snapshotPart("n2", part);
    }).toThrow(DecodeError);
    await cluster.settle();
    expect(stage).not.toHaveBeenCalled();
    expect(leader.fatal).toEqual([]);
  });

  test("a node that restarts goes on from its log", async () => {
    const leader = await started("n1", "n2", "n3");
    const gateway = new FakeGateway(leader);
    const made = gateway.command(leader, create);
    await cluster.until(() => gateway.statuses(made).length > 0, "the answer");
    await leader.stop();
    const back = await cluster.start(leader.id);
    await cluster.until(() => back.replica.machine.stats().queues === 1, "the queue after the restart");
    expect(back.fatal).toEqual([]);
  });
});
