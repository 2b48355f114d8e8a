import { status } from "@grpc/grpc-js";
import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { AdminError, ClusterAdmin, type ClusterAdminOptions } from "../../src/admin/index.js";
import { systemTimers, type Timers } from "../../src/base/index.js";
import { type MapCommand, metaGroup } from "../../src/cluster/index.js";
import { PROTOCOL_VERSION } from "../../src/rpc/index.js";
import { freePorts } from "../support/free-ports.js";
import { clusterId, Failure, mapAnswer, redirectTo, standInMap, StandInNode } from "./stand-in-node.js";

jest.setTimeout(20_000);

const command: MapCommand = { op: "set-node-state", seat: 2, state: "draining", successor: 0 };
const opened: { close?: () => void; stop?: () => void }[] = [];

afterEach(() => {
  for (const one of opened.splice(0)) {
    one.close?.();
    one.stop?.();
  }
});

async function node(id: string, prepare: (node: StandInNode) => void = () => undefined): Promise<StandInNode> {
  const one = new StandInNode(id);
  prepare(one);
  opened.push(one);
  return one.listen();
}

function admin(addresses: readonly string[], options: Partial<ClusterAdminOptions> = {}): ClusterAdmin {
  const one = new ClusterAdmin({ addresses, timeoutMs: 10_000, ...options });
  opened.push(one);
  return one;
}

async function deadAddress(): Promise<string> {
  return `127.0.0.1:${String(await freePorts(1))}`;
}

async function failure(promise: Promise<unknown>): Promise<AdminError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(AdminError);
  return error as AdminError;
}

/** Real timers on which everything that takes longer than a real question happens at once. */
const hurried: Timers = {
  ...systemTimers,
  after: (delayMs, callback) => systemTimers.after(delayMs >= 900 ? 200 : delayMs, callback),
};

describe("describing a node", () => {
  test("gives its map, its replicas and its view, in plain numbers", async () => {
    const one = await node("n1", (stand) => {
      Object.assign(stand.description as object, {
        metaLeaderNodeId: "n2",
        clockAheadMs: -12n,
        bodyBytes: 5_000_000_000n,
        connectedNodeIds: ["n2"],
        replicas: [
          {
            ...{ group: metaGroup, replica: 1n, role: "leader", term: 7n, leader: 1n },
            ...{ commit: 90n, applied: 89n, lastIndex: 91n, voters: [1n, 2n, 3n], learners: [4n] },
            peers: [{ replica: 2n, match: 90n, state: "replicate", recentlyActive: true }],
          },
        ],
      });
    });
    const description = await admin([one.address]).describe();
    expect(description).toEqual({
      ...{ address: one.address, clusterId, nodeId: "n1", map: standInMap, connectedNodeIds: ["n2"] },
      ...{ metaLeader: "n2", clockAheadMs: -12, bodyBytes: 5_000_000_000 },
      replicas: [
        {
          ...{ group: metaGroup, replica: 1, role: "leader", term: 7, leader: 1 },
          ...{ commit: 90, applied: 89, lastIndex: 91, voters: [1, 2, 3], outgoing: [], learners: [4] },
          peers: [{ replica: 2, match: 90, state: "replicate", recentlyActive: true }],
          installing: false,
        },
      ],
    });
  });

  test("asks the next when one is down, and another than its own when told to", async () => {
    const [dead, one, two] = [await deadAddress(), await node("n1"), await node("n2")];
    const asking = admin([dead, one.address]);
    expect((await asking.describe()).nodeId).toBe("n1");
    expect(await asking.describe(two.address)).toMatchObject({ nodeId: "n2", metaLeader: undefined });
  });

  test("does not wait for nodes that are down", async () => {
    const addresses = [await deadAddress(), await deadAddress()];
    const sinceMs = performance.now();
    const error = await failure(admin(addresses).describe());
    expect(performance.now() - sinceMs).toBeLessThan(900);
    expect(error).toMatchObject({
      kind: "unreachable",
      message: `no node answers: ${addresses.map((one) => `${one} cannot be connected to`).join("; ")}`,
    });
  });

  test("refuses a node of another cluster, once it knows its own", async () => {
    const [one, other] = [await node("n1"), await node("x1")];
    Object.assign(other.description as object, { clusterId: "another" });
    const asking = admin([one.address]);
    await asking.describe();
    const error = await failure(asking.describe(other.address));
    expect(error.kind).toBe("refused");
    expect(error.message).toBe(`${other.address} belongs to another cluster, another, not to ${clusterId}`);
  });

  test.each<[string, object, string]>([
    ["version", { protocolVersion: PROTOCOL_VERSION + 1 }, `speaks version ${String(PROTOCOL_VERSION + 1)}`],
    ["map", { map: new Uint8Array([255, 1]) }, "sent a cluster map that cannot be read"],
  ])("refuses a node of another %s", async (_what, change, message) => {
    const one = await node("n1", (stand) => Object.assign(stand.description as object, change));
    const error = await failure(admin([one.address]).describe());
    expect(error).toMatchObject({ kind: "refused" });
    expect(error.message).toContain(message);
  });

  test("tells a process that is no storage node from one that is down", async () => {
    const one = await node("n1", (stand) => (stand.description = new Failure(status.UNIMPLEMENTED)));
    const error = await failure(admin([one.address]).describe());
    expect(error).toMatchObject({ kind: "refused" });
    expect(error.message).toContain("is no storage node, or one of an older version");
  });
});

describe("changing the map", () => {
  test("sends the command and returns the map", async () => {
    const one = await node("n1");
    expect(await admin([one.address], { clusterId }).change(command)).toEqual(standInMap);
    expect(one.commands).toEqual([command]);
    expect(one.clusterIds).toEqual([clusterId]);
  });

  test("names the cluster that it has met", async () => {
    const one = await node("n1");
    const asking = admin([one.address]);
    await asking.change(command);
    await asking.describe();
    await asking.change(command);
    expect(one.clusterIds).toEqual(["", clusterId]);
  });

  test("follows a redirect to a node that it did not know, past one that is down, and goes there at once the next time", async () => {
    const leader = await node("n3");
    const [dead, one] = [await deadAddress(), await node("n1")];
    one.changes = [redirectTo(dead, leader.address)];
    const asking = admin([one.address]);
    await asking.change(command);
    await asking.change(command);
    expect(one.commands).toHaveLength(1);
    expect(leader.commands).toHaveLength(2);
  });

  test("rides out an election, in which nodes point to each other", async () => {
    const [one, two] = [await node("n1"), await node("n2")];
    one.changes = [redirectTo(two.address), redirectTo(), mapAnswer];
    two.changes = [redirectTo(one.address)];
    expect(await admin([one.address, two.address]).change(command)).toEqual(standInMap);
    expect(one.commands).toHaveLength(3);
  });

  test("waits for a node that comes up meanwhile", async () => {
    const port = await freePorts(1);
    const change = admin([`127.0.0.1:${String(port)}`]).change(command);
    const late = new StandInNode("n1");
    opened.push(late);
    setTimeout(() => void late.listen(port), 300);
    expect(await change).toEqual(standInMap);
  });

  test("hands a refusal on, and asks nobody else", async () => {
    const [one, two] = [await node("n1"), await node("n2")];
    one.changes = [{ case: "refused", value: "node n2 is the last active one" }];
    const error = await failure(admin([one.address, two.address]).change(command));
    expect(error).toMatchObject({ kind: "refused", message: "node n2 is the last active one" });
    expect(two.commands).toEqual([]);
  });

  test("asks again after an unknown outcome: the command says what shall be", async () => {
    const one = await node(
      "n1",
      (stand) => (stand.changes = [{ case: "unknown", value: "it lost its lead" }, mapAnswer]),
    );
    expect(await admin([one.address]).change(command)).toEqual(standInMap);
    expect(one.commands).toEqual([command, command]);
  });

  test.each<[string, "mute" | "drop", string]>([
    ["keeps still", "mute", "did not answer within"],
    ["dies over it", "drop", "broke off"],
  ])("asks the next when a node %s, and says in the end that it may have been done", async (_what, manner, words) => {
    const [one, two] = [await node("n1"), await node("n2")];
    one.changes = [manner];
    expect(await admin([one.address, two.address], { timers: hurried }).change(command)).toEqual(standInMap);
    two.changes = [redirectTo()];
    const [three] = [await node("n3", (stand) => (stand.changes = [manner]))];
    const error = await failure(
      admin([three.address, two.address], { timers: hurried, timeoutMs: 1_200 }).change(command),
    );
    expect(error.kind).toBe("unknown-outcome");
    expect(error.message).toContain("nobody knows whether it was done");
    expect(error.message).toContain(words);
  });

  test("a refusal after a doubt may be the doubt's own doing", async () => {
    const one = await node("n1", (stand) => {
      stand.changes = [
        { case: "unknown", value: "it lost its lead" },
        { case: "refused", value: "the map has changed since" },
      ];
    });
    const error = await failure(admin([one.address]).change(command));
    expect(error.kind).toBe("unknown-outcome");
    expect(error.message).toContain("the map has changed since; but an earlier attempt may have been done");
  });

  test("says so when nobody leads within the time", async () => {
    const one = await node("n1", (stand) => (stand.changes = [redirectTo()]));
    const error = await failure(admin([one.address], { timeoutMs: 400 }).change(command));
    expect(error.kind).toBe("unreachable");
    expect(error.message).toContain("nobody was found that leads the cluster's meta group");
    // 0, 50, 150, 350 and 400 ms at most: it waits between rounds.
    expect(one.commands.length).toBeLessThanOrEqual(5);
  });

  test("does not go on asking where every node declines", async () => {
    const one = await node("n1", (stand) => (stand.changes = [new Failure(status.FAILED_PRECONDITION)]));
    const error = await failure(admin([one.address]).change(command));
    expect(error).toMatchObject({ kind: "refused", message: `${one.address} says: status FAILED_PRECONDITION` });
    expect(one.commands).toHaveLength(1);
  });

  test("a status that does not say that nothing was done leaves a doubt", async () => {
    const one = await node("n1", (stand) => (stand.changes = [new Failure(status.INTERNAL)]));
    expect((await failure(admin([one.address], { timeoutMs: 300 }).change(command))).kind).toBe("unknown-outcome");
  });

  test("ends at once when it is closed", async () => {
    const one = await node("n1", (stand) => (stand.changes = ["mute"]));
    const [asking, waiting] = [admin([one.address]), admin([await deadAddress()])];
    const failures = Promise.all([failure(asking.change(command)), failure(waiting.change(command))]);
    setTimeout(() => {
      asking.close();
      waiting.close();
    }, 200);
    const sinceMs = performance.now();
    expect((await failures).map(({ kind }) => kind)).toEqual(["unknown-outcome", "unreachable"]);
    expect(performance.now() - sinceMs).toBeLessThan(1_500);
  });
});

describe("handing leadership over", () => {
  test("finds the leader and says who is to lead", async () => {
    const leader = await node("n2");
    const one = await node("n1", (stand) => (stand.leaderships = [redirectTo(leader.address)]));
    expect(await admin([one.address]).transferLeadership(3, "n2")).toBe("n2");
    expect(leader.transfers).toEqual([{ group: 3, toNodeId: "n2" }]);
  });

  test("to a given node it may be asked for again, to anybody not: the next leader would hand over, too", async () => {
    const [one, two] = [await node("n1"), await node("n2")];
    one.leaderships = ["mute"];
    const asking = admin([one.address, two.address], { timers: hurried });
    expect(await asking.transferLeadership(3, "n2")).toBe("n2");
    const error = await failure(asking.transferLeadership(metaGroup));
    expect(error.kind).toBe("unknown-outcome");
    expect(two.transfers).toEqual([{ group: 3, toNodeId: "n2" }]);
  });

  test("hands a refusal on", async () => {
    const one = await node("n1", (stand) => (stand.leaderships = [{ case: "refused", value: "n9 holds no replica" }]));
    expect(await failure(admin([one.address]).transferLeadership(3, "n9"))).toMatchObject({ kind: "refused" });
  });

  test("says which group nobody leads", async () => {
    const one = await node("n1", (stand) => (stand.leaderships = [redirectTo()]));
    const asking = admin([one.address], { timeoutMs: 200 });
    expect((await failure(asking.transferLeadership(3))).message).toContain("leads partition 3;");
    expect((await failure(asking.transferLeadership(metaGroup))).message).toContain("leads the cluster's meta group;");
  });
});
