import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { type Command, decodeResult } from "../../src/command/index.js";
import { RequestStatus } from "../../src/contract/index.js";
import type { Entry } from "../../src/raft/index.js";
import { batchOf } from "../command/sample-commands.js";
import { FakeGateway, MiniCluster, type MiniNode, TICK_MS } from "./mini-cluster.js";

// Moments of processor time each; a busy machine may take its time.
jest.setTimeout(60_000);

const at = { project: "p", queue: "q" };
const create: Command = { ...at, op: "create-queue" };
const stats = { ...at, op: "queue-stats" } as const;

describe("a replica", () => {
  let cluster: MiniCluster;
  afterEach(async () => {
    jest.restoreAllMocks();
    const fatal = [...cluster.nodes.values()].flatMap((node) => node.fatal);
    await cluster.stopAll();
    expect(fatal).toEqual([]);
  });

  async function started(...ids: string[]): Promise<MiniNode> {
    cluster = new MiniCluster(ids);
    await cluster.startAll();
    return cluster.leader();
  }

  test("answers a command once it is committed and applied, and a read after it sees it", async () => {
    const leader = await started("n1", "n2", "n3");
    const gateway = new FakeGateway(leader);
    const first = gateway.command(leader, create);
    await cluster.settle();
    expect(gateway.statuses(first)).toEqual([RequestStatus.ok]);
    const read = gateway.query(leader, { ...at, op: "get-queue" });
    await cluster.settle();
    expect(gateway.statuses(read)).toEqual([RequestStatus.ok]);
    expect(decodeResult("get-queue", gateway.answers.get(read)?.[0]?.result ?? Buffer.alloc(0))).toBeDefined();
    await cluster.until(
      () => [...cluster.nodes.values()].every((node) => node.replica.machine.stats().queues === 1),
      "the queue on every replica",
    );
  });

  test("sends everybody elsewhere while it does not lead, and refuses what does not follow the format", async () => {
    const leader = await started("n1", "n2", "n3");
    const follower = [...cluster.nodes.values()].find((node) => node !== leader) as MiniNode;
    const gateway = new FakeGateway(leader);
    const asked = [
      gateway.command(follower, create),
      gateway.query(follower, stats),
      gateway.raw(leader, Buffer.alloc(0)),
      gateway.raw(leader, Buffer.from([200, 1, 2])),
    ];
    await cluster.settle();
    const { notLeader, malformed } = RequestStatus;
    expect(asked.flatMap((one) => gateway.statuses(one))).toEqual([notLeader, notLeader, malformed, malformed]);
  });

  test("refuses posts and nothing else while the disk is full", async () => {
    const leader = await started("n1");
    leader.shard.storageFull = true;
    const gateway = new FakeGateway(leader);
    const made = gateway.command(leader, create);
    const post: Command = { ...at, op: "post", clientId: Buffer.alloc(16), batch: batchOf("1") };
    const refused = gateway.command(leader, post);
    await cluster.settle();
    leader.shard.storageFull = false;
    const posted = gateway.command(leader, post);
    await cluster.settle();
    expect([made, refused, posted].flatMap((one) => gateway.statuses(one))).toEqual([
      RequestStatus.ok,
      RequestStatus.storageFull,
      RequestStatus.ok,
    ]);
  });

  test("answers each request once when it is cut off: proposed ones are unknown, reads go elsewhere", async () => {
    const leader = await started("n1", "n2", "n3");
    const gateway = new FakeGateway(leader);
    cluster.cut.add(leader.id);
    const command = gateway.command(leader, create);
    const read = gateway.query(leader, stats);
    await cluster.settle();
    expect(gateway.statuses(command)).toEqual([]);
    await cluster.until(() => !leader.replica.serving, "the end of its reign");
    await cluster.settle();
    expect(gateway.statuses(command)).toEqual([RequestStatus.unknownOutcome]);
    expect(gateway.statuses(read)).toEqual([RequestStatus.notLeader]);
    cluster.cut.clear();
    await cluster.until(() => leader.replica.leadership.leader !== 0, "the leader that the others chose");
    expect(gateway.statuses(command)).toHaveLength(1);
  });

  test("tries again what the core refused for a while", async () => {
    const leader = await started("n1", "n2", "n3");
    const gateway = new FakeGateway(leader);
    const propose = jest.spyOn(leader.replica.core, "propose").mockReturnValue({ refused: "transferring" });
    jest.spyOn(leader.replica.core, "hasReady").mockReturnValue(false);
    const command = gateway.command(leader, create);
    await cluster.settle();
    expect(gateway.statuses(command)).toEqual([]);
    const others = [...cluster.nodes.keys()].filter((id) => id !== leader.id);
    for (const id of others) cluster.cut.add(id);
    propose.mockRestore();
    const asked = jest.spyOn(leader.replica.core, "propose");
    leader.replica.tick();
    await cluster.settle();
    expect(asked).toHaveBeenCalledTimes(1);
    jest.restoreAllMocks();
    cluster.cut.clear();
    await cluster.until(() => gateway.statuses(command).length > 0, "the answer");
    expect(gateway.statuses(command)).toEqual([RequestStatus.ok]);
  });

  test("tells a straggler of its session that it is forgotten", async () => {
    const leader = await started("n1");
    const gateway = new FakeGateway(leader);
    const first = gateway.command(leader, create, { sequence: 1, lowWater: 1 });
    const second = gateway.command(leader, create, { sequence: 5, lowWater: 4 });
    const straggler = gateway.command(leader, create, { sequence: 2, lowWater: 1 });
    const last = gateway.command(leader, create, { sequence: 6, lowWater: 4 });
    await cluster.settle();
    const { ok, forgotten } = RequestStatus;
    expect([first, second, straggler, last].map((one) => gateway.statuses(one))).toEqual([
      [ok],
      [ok],
      [forgotten],
      [ok],
    ]);
  });

  test("log time never goes back with the clock", async () => {
    const leader = await started("n1");
    const gateway = new FakeGateway(leader);
    gateway.command(leader, create);
    await cluster.settle();
    const { timeMs } = leader.replica.machine;
    cluster.time.now -= 60_000;
    gateway.command(leader, { ...at, queue: "other", op: "create-queue" });
    await cluster.settle();
    expect(leader.replica.machine.stats().queues).toBe(2);
    expect(leader.replica.machine.timeMs).toBe(timeMs);
    cluster.time.now += 60_000;
  });

  test("commands that come while a flush runs share the next entry", async () => {
    const leader = await started("n1");
    const gateway = new FakeGateway(leader);
    const before = leader.replica.core.status().lastIndex;
    const asked = Array.from({ length: 50 }, (_, i) =>
      gateway.command(leader, { ...at, queue: `q${String(i)}`, op: "create-queue" }),
    );
    await cluster.settle();
    expect(asked.every((one) => gateway.statuses(one)[0] === RequestStatus.ok)).toBe(true);
    expect(leader.replica.core.status().lastIndex).toBe(before + 1);
  });

  test("entries that come from the disk while a snapshot is installed are let go", async () => {
    const leader = await started("n1", "n2", "n3");
    const follower = [...cluster.nodes.values()].find((node) => node !== leader) as MiniNode;
    // The entries left the memory, and the disk takes its time.
    jest.spyOn(follower.replica.core, "entries").mockReturnValue(undefined);
    let answer: (entries: Entry[]) => void = () => undefined;
    jest.spyOn(follower.log, "read").mockReturnValueOnce(
      new Promise((resolve) => {
        answer = resolve;
      }),
    );
    const gateway = new FakeGateway(leader);
    gateway.command(leader, create);
    await cluster.until(() => follower.replica.isCatchingUp, "something to apply", 20);
    await cluster.settle();
    jest.spyOn(follower.shard, "installSnapshot").mockReturnValue(undefined);
    const { term } = leader.replica.core.status();
    follower.replica.step({
      type: "snapshot-request",
      from: leader.replica.core.status().id,
      to: follower.replica.core.status().id,
      term,
      snapshot: {
        index: 1_000,
        term,
        configuration: leader.replica.core.status().configuration,
        configurationIndex: 0,
      },
    });
    follower.replica.turn();
    expect(follower.replica.installing).toBe(true);
    // The log was cut for the snapshot: what was asked for is not in it any more.
    answer([]);
    await cluster.settle();
    expect(follower.fatal).toEqual([]);
  });

  test("a gateway that is gone leaves nothing behind once its commands are applied", async () => {
    const leader = await started("n1");
    const gateway = new FakeGateway(leader);
    for (let i = 0; i < 20; i++) gateway.command(leader, { ...at, queue: `q${String(i)}`, op: "create-queue" });
    const read = gateway.query(leader, stats);
    leader.shard.detach(gateway.connection);
    gateway.connection.close();
    await cluster.settle();
    expect(gateway.statuses(read)).toEqual([]);
    const { queuedCommands, queuedBytes, proposedEntries, waitingReads } = leader.replica;
    expect([queuedCommands, queuedBytes, proposedEntries, waitingReads]).toEqual([0, 0, 0, 0]);
    expect(leader.replica.machine.stats().queues).toBe(20);
  });

  test("what expires while nobody writes is expired by an entry without commands", async () => {
    const leader = await started("n1");
    const { machine } = leader.replica;
    const deadline = cluster.time.now + 3 * TICK_MS;
    const spy = jest.spyOn(machine, "nextDeadlineMs", "get").mockImplementation(() => deadline);
    const before = machine.appliedIndex;
    leader.replica.tick();
    await cluster.settle();
    expect(machine.appliedIndex).toBe(before);
    cluster.time.now = deadline;
    leader.replica.tick();
    leader.replica.tick();
    spy.mockRestore();
    await cluster.settle();
    expect(machine.appliedIndex).toBe(before + 1);
    expect(machine.timeMs).toBe(deadline);
  });
});
