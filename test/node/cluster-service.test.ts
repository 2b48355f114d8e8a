import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { ClusterAdmin } from "../../src/admin/index.js";
import { callNode, type Method, type RequestOf, type ResponseOf } from "../../src/admin/node-call.js";
import { systemTimers } from "../../src/base/index.js";
import { credentials } from "@grpc/grpc-js";
import { decodeMap, encodeCommand, type MapCommand, metaGroup } from "../../src/cluster/index.js";
import { registerClusterService } from "../../src/node/cluster-service.js";
import { PROTOCOL_VERSION } from "../../src/rpc/index.js";
import { logger } from "./mini-cluster.js";
import { type MemberProcess, MiniMembers } from "./mini-members.js";

// Real streams in front of nodes in memory; a busy machine may take its time.
jest.setTimeout(60_000);

const CLUSTER = "c";
const hello = { protocolVersion: PROTOCOL_VERSION, clusterId: CLUSTER };
const fresh = "00000000000000ff";

describe("the service for operators and joining nodes", () => {
  let cluster: MiniMembers;
  const servers = new Map<string, { readonly server: Server; readonly address: string }>();

  beforeEach(async () => {
    cluster = new MiniMembers({ founders: 3, partitions: 3, replicationFactor: 2 });
    await cluster.found();
    for (const process of cluster.processes.values()) await serve(process);
    await cluster.untilSettled();
  });

  afterEach(async () => {
    for (const { server } of servers.values()) server.forceShutdown();
    servers.clear();
    await cluster.stopAll();
    expect(cluster.problems()).toEqual([]);
  });

  async function serve(process: MemberProcess): Promise<void> {
    const { view, shard, meta, member } = process.node;
    const server = new Server();
    registerClusterService(server, { clusterId: CLUSTER, view, shard, meta, member, log: logger });
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      });
    });
    servers.set(process.id, { server, address: `127.0.0.1:${String(port)}` });
  }

  /** Time goes on until the promise is settled. */
  async function meanwhile<T>(promise: Promise<T>): Promise<T> {
    let over = false;
    const settled = promise.finally(() => (over = true));
    settled.catch(() => undefined);
    await cluster.until(() => over, "an answer", 600_000);
    return settled;
  }

  async function call<M extends Method>(node: string, method: M, request: RequestOf<M>): Promise<ResponseOf<M>> {
    const terms = { credentials: credentials.createInsecure(), timers: systemTimers, budgetMs: 20_000 };
    const { address } = servers.get(node) as { address: string };
    const outcome = await meanwhile(
      callNode(address, method, request, { ...terms, signal: new AbortController().signal }),
    );
    if (outcome.kind !== "answer") throw new Error(`no answer: ${outcome.reason}`);
    return outcome.response;
  }

  const change = (node: string, command: MapCommand, more = {}): Promise<ResponseOf<"change">> =>
    call(node, "change", { ...hello, command: encodeCommand(command), ...more });
  const transfer = (node: string, group: number, toNodeId = "", more = {}) =>
    call(node, "transferLeadership", { ...hello, group, toNodeId, ...more });

  const metaLeader = (): MemberProcess => cluster.leaderOf(metaGroup) as MemberProcess;
  const follower = (group = metaGroup): MemberProcess =>
    [...cluster.processes.values()].find((process) => process.replica(group)?.serving !== true) as MemberProcess;
  const factor: MapCommand = { op: "set-replication-factor", replicationFactor: 3 };

  test("describes the node, its map and its replicas", async () => {
    const leader = metaLeader();
    const answer = await call(leader.id, "describe", { protocolVersion: PROTOCOL_VERSION });
    expect(answer).toMatchObject({ protocolVersion: PROTOCOL_VERSION, clusterId: CLUSTER, nodeId: leader.id });
    expect(answer).toMatchObject({ metaLeaderNodeId: leader.id, clockAheadMs: 0n, bodyBytes: 0n });
    expect(decodeMap(answer.map)).toEqual(cluster.map);
    expect([...answer.connectedNodeIds].sort()).toEqual(["n1", "n2", "n3"].filter((id) => id !== leader.id));
    expect(new Set(answer.replicas.map(({ group }) => group))).toEqual(new Set(leader.view.ownGroups().keys()));
    const meta = answer.replicas.find(({ group }) => group === metaGroup);
    expect(meta).toMatchObject({ role: "leader", voters: [1n, 2n, 3n], outgoing: [], learners: [], installing: false });
    expect(meta?.peers.map(({ state, recentlyActive }) => [state, recentlyActive])).toEqual([
      ["replicate", true],
      ["replicate", true],
    ]);
    const applied = leader.replica(metaGroup)?.machine.appliedIndex;
    expect([meta?.applied, meta?.commit, meta?.lastIndex]).toEqual(
      [applied, applied, applied].map((i) => BigInt(i ?? 0)),
    );
  });

  test("changes the map at the leader, and says what became of it", async () => {
    const { outcome } = await change(metaLeader().id, factor);
    expect(outcome.case).toBe("map");
    expect(decodeMap(outcome.value as Uint8Array).replicationFactor).toBe(3);
    const refused = await change(metaLeader().id, { op: "set-replication-factor", replicationFactor: 99 });
    expect(refused.outcome).toMatchObject({ case: "refused", value: expect.stringContaining("1 to 7") });
  });

  test("sends whoever asks another node to the leader first, then to all that hold the meta group", async () => {
    const { outcome } = await change(follower().id, factor);
    const self = follower().id;
    const others = ["n1", "n2", "n3"].filter((id) => id !== metaLeader().id && id !== self);
    expect(outcome).toMatchObject({
      case: "redirect",
      value: { addresses: [metaLeader().id, ...others].map((id) => `${id}:1`) },
    });
    expect(cluster.map.replicationFactor).toBe(2);
  });

  test("an admin client finds its way through redirects", async () => {
    const admin = new ClusterAdmin({
      addresses: [...servers.values()].map(({ address }) => address),
      timeoutMs: 20_000,
    });
    const map = await meanwhile(admin.change(factor));
    expect(map.replicationFactor).toBe(3);
    admin.close();
  });

  test.each([
    ["of another protocol", { protocolVersion: 99 }, "speaks protocol"],
    ["of another cluster", { clusterId: "other" }, "belongs to cluster c, not to other"],
  ])("does nothing for somebody %s", async (_, more, reason) => {
    const changed = await change(metaLeader().id, factor, more);
    expect(changed.outcome).toMatchObject({ case: "refused", value: expect.stringContaining(reason) });
    const moved = await transfer(metaLeader().id, metaGroup, "", more);
    expect(moved.outcome).toMatchObject({ case: "refused", value: expect.stringContaining(reason) });
    expect(cluster.map.replicationFactor).toBe(2);
  });

  test("takes whoever does not know the cluster yet", async () => {
    expect((await change(metaLeader().id, factor, { clusterId: "" })).outcome.case).toBe("map");
  });

  test("refuses what is no command", async () => {
    const answer = await call(metaLeader().id, "change", { ...hello, command: Buffer.from([99]) });
    expect(answer.outcome).toMatchObject({ case: "refused", value: expect.stringContaining("cannot be read") });
  });

  test("takes no second data folder of a node that runs; of one that is down it does", async () => {
    const other = follower().id;
    const add: MapCommand = { op: "add-node", id: other, incarnation: fresh, address: `${other}:1` };
    const refused = await change(metaLeader().id, add);
    expect(refused.outcome).toMatchObject({
      case: "refused",
      value: expect.stringContaining(`node ${other} is running with another data folder`),
    });
    const own = await change(metaLeader().id, { ...add, id: metaLeader().id, address: `${metaLeader().id}:1` });
    expect(own.outcome.case).toBe("refused");
    expect(cluster.map.nodes).toHaveLength(3);
    cluster.crash(other);
    const taken = await change(metaLeader().id, add);
    expect(taken.outcome.case).toBe("map");
    expect(cluster.map.nodes).toHaveLength(4);
  });

  test("takes a node that says it is reached elsewhere now, while it runs", async () => {
    const { id, folder } = follower();
    const { incarnation } = folder;
    const { outcome } = await change(metaLeader().id, { op: "add-node", id, incarnation, address: `${id}:2` });
    expect(outcome.case).toBe("map");
    expect(cluster.map.nodes.find((node) => node.id === id)?.address).toBe(`${id}:2`);
  });

  test("says that it does not know when the leadership is lost on the way", async () => {
    const leader = metaLeader();
    cluster.cutOff(leader.id);
    const { outcome } = await change(leader.id, factor);
    expect(outcome).toMatchObject({ case: "unknown", value: expect.stringContaining("changed while") });
    cluster.heal();
    await cluster.untilSettled();
  });

  test("hands a leadership over, to whom it is told or to any", async () => {
    for (const group of [metaGroup, 1]) {
      const leader = cluster.leaderOf(group) as MemberProcess;
      const named = [...cluster.processes.values()].find(
        (process) => process !== leader && process.replica(group) !== undefined,
      ) as MemberProcess;
      const { outcome } = await transfer(leader.id, group, named.id);
      expect(outcome).toEqual(expect.objectContaining({ case: "toNodeId", value: named.id }));
      await cluster.until(() => cluster.leaderOf(group) === named, "the new leader");
      const any = await transfer(named.id, group);
      expect(any.outcome.case).toBe("toNodeId");
      await cluster.until(() => (cluster.leaderOf(group) ?? named) !== named, "another leader");
      await cluster.untilSettled();
    }
  });

  test("hands nothing over to nobody, nor where it does not lead", async () => {
    const leader = cluster.leaderOf(1) as MemberProcess;
    const stranger = [...cluster.processes.values()].find(
      (process) => process.replica(1) === undefined,
    ) as MemberProcess;
    expect((await transfer(leader.id, 1, stranger.id)).outcome).toMatchObject({
      case: "refused",
      value: expect.stringContaining(`node ${stranger.id} holds`),
    });
    expect((await transfer(leader.id, 1, leader.id)).outcome).toMatchObject({ case: "toNodeId", value: leader.id });
    expect((await transfer(stranger.id, 1)).outcome.case).toBe("redirect");
    expect((await transfer(leader.id, 77)).outcome).toMatchObject({
      case: "refused",
      value: expect.stringContaining("there is no partition 77"),
    });
    const other = cluster.map.partitions[1]?.replicas.map((id) => `n${String(id)}`).find((id) => id !== leader.id);
    cluster.crash(other as string);
    await cluster.run(100);
    expect((await transfer(leader.id, 1)).outcome).toMatchObject({
      case: "refused",
      value: expect.stringContaining("no other node"),
    });
  });
});
