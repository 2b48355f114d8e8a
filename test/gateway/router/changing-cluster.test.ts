import { beforeEach, describe, expect, test } from "@jest/globals";
import { createRouter, type PartitionRouter, routerLimits } from "../../../src/gateway/router/index.js";
import { FakeCluster } from "./fake-cluster.js";
import { SimNetwork, SimNode } from "./sim-network.js";
import { RecordingLog, seededRng, VirtualTime } from "./support.js";

/*
 * A cluster that grows, shrinks and moves in order, under requests: leaders are handed over before a node leaves, and the map
 * says so, as a real cluster does it. No request may fail, and nothing may be dialled without end.
 */

const partitionCount = 12;

describe("the router and a cluster whose nodes come and go", () => {
  let time: VirtualTime;
  let network: SimNetwork;
  let cluster: FakeCluster;
  let log: RecordingLog;
  let router: PartitionRouter;
  let calls: number;
  let failures: unknown[];
  let created: string[];

  function addNode(id: string, address = `${id}:1`): SimNode {
    const node = new SimNode(id, network, cluster, address);
    node.misbehaves = false;
    return node;
  }

  function start(seeds: readonly string[], founders: readonly string[]): void {
    for (const id of founders) addNode(id);
    cluster.setMembers(founders);
    cluster.leadAll(founders);
    router = createRouter({
      nodes: seeds,
      log,
      transport: network,
      clock: time,
      timers: time,
      rng: seededRng(),
      newSession: () => 1 + network.rng.nextU32(),
    });
  }

  /** Three requests a millisecond. */
  async function load(durationMs: number): Promise<void> {
    for (let ms = 0; ms < durationMs; ms += 1) {
      for (let i = 0; i < 3; i++) {
        const queue = `queue-${String(calls++)}`;
        router.createQueue("p", queue).then(
          () => created.push(queue),
          (error: unknown) => failures.push(error),
        );
      }
      await time.advance(1);
    }
  }

  async function join(id: string): Promise<void> {
    addNode(id);
    cluster.setMembers([...members(), id]);
    await load(30);
    cluster.leadAll(members());
    await load(30);
  }

  async function leave(id: string): Promise<void> {
    const others = members().filter((other) => other !== id);
    for (const [partition, { leader }] of cluster.partitions.entries())
      if (leader === id) cluster.lead(partition, others[partition % others.length]);
    await load(30);
    cluster.setMembers(others);
    await load(30);
    (cluster.nodes.get(id) as SimNode).kill();
    cluster.nodes.delete(id);
    await load(30);
  }

  const members = (): string[] => cluster.membership.members.map(({ nodeId }) => nodeId);
  const openTo = (): string[] =>
    [...network.nodes.values()].filter(({ up, openCount }) => up && openCount > 0).map(({ address }) => address);

  async function check(): Promise<void> {
    await time.advance(20_000);
    expect(failures).toEqual([]);
    expect(created).toHaveLength(calls);
    expect(cluster.effects).toHaveLength(calls);
    expect(log.errors).toEqual([]);
    expect(router.healthy()).toBe(true);
    expect(router.stats()).toMatchObject({ unknownOutcomes: 0, noLeader: 0, requestsOutstanding: 0 });
    await router.close(0);
  }

  beforeEach(() => {
    time = new VirtualTime();
    network = new SimNetwork(time, seededRng(7));
    cluster = new FakeCluster(partitionCount);
    log = new RecordingLog();
    calls = 0;
    failures = [];
    created = [];
  });

  test("3 -> 7 -> 3, founders and seeds among those that leave: no request fails", async () => {
    start(["n1:1", "n2:1"], ["n1", "n2", "n3"]);
    await load(50);
    for (const id of ["n4", "n5", "n6", "n7"]) await join(id);
    expect(openTo()).toHaveLength(7);
    for (const id of ["n1", "n6", "n2", "n4"]) await leave(id);
    await time.advance(routerLimits.retireMsMax);
    expect(openTo()).toEqual(["n3:1", "n5:1", "n7:1"]);
    expect(router.stats().nodesConnected).toBe(3);
    const dials = new Map(network.dials);
    await time.advance(300_000);
    for (const id of ["n4", "n6"]) expect(network.dials.get(`${id}:1`)).toBe(dials.get(`${id}:1`));
    for (const id of ["n1", "n2"])
      expect(network.dials.get(`${id}:1`)).toBeLessThanOrEqual(
        (dials.get(`${id}:1`) ?? 0) + 300_000 / routerLimits.spareRedialDelayMs,
      );
    await load(50);
    await check();
  });

  test("all nodes are replaced, one by one, many times over", async () => {
    start(["n1:1"], ["n1", "n2", "n3"]);
    for (let i = 4; i < 30; i++) {
      await join(`n${String(i)}`);
      await leave(`n${String(i - 3)}`);
    }
    await time.advance(routerLimits.retireMsMax);
    expect(openTo()).toEqual(["n27:1", "n28:1", "n29:1"]);
    await check();
  });

  test("a node that moves is followed; requests on its old stream are not lost", async () => {
    start(["n1:1"], ["n1", "n2", "n3"]);
    await load(50);
    const old = cluster.nodes.get("n2") as SimNode;
    old.kill();
    addNode("n2", "elsewhere:9");
    cluster.setMembers(["n1", "n2", "n3"]);
    cluster.leadAll(["n1", "n2", "n3"]);
    await load(500);
    expect(openTo()).toEqual(["n1:1", "n3:1", "elsewhere:9"]);
    await check();
  });

  test("a node that moves and leaves a frozen process behind is followed", async () => {
    start(["n1:1"], ["n1", "n2", "n3"]);
    await load(50);
    (cluster.nodes.get("n2") as SimNode).freeze();
    addNode("n2", "elsewhere:9");
    cluster.setMembers(["n1", "n2", "n3"]);
    cluster.leadAll(["n1", "n2", "n3"]);
    await load(500);
    await time.advance(routerLimits.retireMsMax);
    expect(openTo()).toEqual(["n1:1", "n3:1", "elsewhere:9"]);
    await check();
  });

  test("news that is late does not bring back who has left", async () => {
    start(["n1:1"], ["n1", "n2", "n3"]);
    await load(20);
    const old = cluster.membership;
    await join("n4");
    await leave("n2");
    for (const id of members()) cluster.nodes.get(id)?.pushMembership(old);
    const dials = network.dials.get("n2:1");
    await load(50);
    expect(members()).toEqual(["n1", "n3", "n4"]);
    expect(openTo()).toEqual(["n1:1", "n3:1", "n4:1"]);
    expect(network.dials.get("n2:1")).toBe(dials);
    await check();
  });

  test("when all nodes went at once, a seed that returns leads to those that came", async () => {
    start(["n1:1"], ["n1", "n2", "n3"]);
    await load(20);
    await time.advance(1_000);
    for (const id of ["n2", "n3"]) (cluster.nodes.get(id) as SimNode).kill();
    (cluster.nodes.get("n1") as SimNode).kill();
    await time.advance(10_000);
    for (const id of ["n2", "n3"]) cluster.nodes.delete(id);
    for (const id of ["n8", "n9"]) addNode(id);
    cluster.setMembers(["n1", "n8", "n9"]);
    (cluster.nodes.get("n1") as SimNode).start();
    cluster.leadAll(["n1", "n8", "n9"]);
    await load(1_000);
    expect(openTo()).toEqual(["n1:1", "n8:1", "n9:1"]);
    await check();
  });
});
