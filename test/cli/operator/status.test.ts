import { describe, expect, test } from "@jest/globals";
import type { NodeDescription } from "../../../src/admin/index.js";
import { metaGroup } from "../../../src/cluster/index.js";
import { clusterId, StandInCluster } from "./stand-in-cluster.js";

async function status(cluster: StandInCluster, partitions = false) {
  const code = await cluster.operate({ do: "status", partitions });
  return { code, lines: cluster.said, last: cluster.said.at(-1) };
}

/** What one node's leader of a group says of another replica. */
function withPeer(group: number, at: number, change: object) {
  return (description: NodeDescription): NodeDescription => ({
    ...description,
    replicas: description.replicas.map((replica) =>
      replica.group === group
        ? { ...replica, peers: replica.peers.map((peer, i) => (i === at ? { ...peer, ...change } : peer)) }
        : replica,
    ),
  });
}

describe("the status of a cluster", () => {
  test("that is well", async () => {
    const cluster = new StandInCluster();
    cluster.distort.set("n2", (description) => ({ ...description, clockAheadMs: -12, bodyBytes: 3 * 2 ** 20 }));
    const { code, lines } = await status(cluster);
    expect(lines).toEqual([
      `cluster ${clusterId}, version 4 of its map`,
      "4 partitions, 3 copies of each, the meta group is led by n1",
      "",
      "seat  node  address  state   is  replicas  leads  messages  clock ahead ms",
      "   1  n1    h1:7101  active  up         5      3   1.5 KiB               0",
      "   2  n2    h2:7101  active  up         5      1   3.0 MiB             -12",
      "   3  n3    h3:7101  active  up         5      1   1.5 KiB               0",
      "",
      "all partitions are settled",
      "",
      "healthy",
    ]);
    expect(code).toBe(0);
  });

  test("--partitions shows all of them", async () => {
    const { lines } = await status(new StandInCluster({ partitions: 2 }), true);
    expect(lines.slice(8, 12)).toEqual([
      "partition  leader  held by   target  learners  lag  is",
      "        0  n1      n1,n2,n3  -       -           0  settled",
      "        1  n2      n2,n3,n1  -       -           0  settled",
      "     meta  n1      n1,n2,n3  -       -           0  settled",
    ]);
  });

  test("with a node down: its partitions are led by others, and say who is missing", async () => {
    const cluster = new StandInCluster();
    cluster.down.add("n2");
    const { code, lines, last } = await status(cluster);
    expect(code).toBe(1);
    expect(lines).toContain("   2  n2    h2:7101  active  down         5      0         -               -");
    expect(lines).toContain("        1  n3      n2,n3,n1  -       -           0  n2 does not answer");
    expect(last).toBe(
      "not healthy: n2 is down; the meta group and partitions 0, 1, 2, 3 have replicas that do not follow",
    );
  });

  test("without a leader somewhere", async () => {
    const cluster = new StandInCluster();
    for (const group of [2, metaGroup]) cluster.leaderless.add(group);
    const { code, lines, last } = await status(cluster);
    expect(code).toBe(1);
    expect(lines[1]).toContain("the meta group is led by nobody");
    expect(lines).toContain("        2  -       n3,n1,n2  -       -           -  no leader");
    expect(last).toBe("not healthy: the meta group and partition 2 have no leader");
  });

  test("on the move: what is not settled is shown, and the node that leaves", async () => {
    const cluster = new StandInCluster({ nodes: 4 });
    cluster.apply({ op: "set-node-state", seat: 1, state: "leaving", successor: 0 });
    cluster.apply({ op: "place", group: 0, seats: [4, 2, 3], decidedOn: cluster.map.version });
    const { code, lines, last } = await status(cluster);
    expect(code).toBe(1);
    expect(lines).toContain("        0  n1      n1,n2,n3  n4,n2,n3  n4          0  moving");
    expect(last).toBe("not healthy: n1 is leaving, and 4 replicas of it must move; partition 0 is moving");
  });

  test("names a handful of partitions and counts more", async () => {
    const cluster = new StandInCluster({ partitions: 12 });
    for (let group = 0; group < 7; group++) cluster.leaderless.add(group);
    expect((await status(cluster)).last).toBe("not healthy: 7 partitions have no leader");
  });

  test("counts nodes, too, when many are down", async () => {
    const cluster = new StandInCluster({ nodes: 12 });
    for (let i = 2; i <= 8; i++) cluster.down.add(`n${i}`);
    expect((await status(cluster)).last).toMatch(/^not healthy: 7 nodes are down; /);
  });

  test("with fewer copies than there should be", async () => {
    const cluster = new StandInCluster({ nodes: 4, copies: 2 });
    cluster.apply({ op: "set-replication-factor", replicationFactor: 3 });
    const { lines, last } = await status(cluster);
    expect(lines).toContain("        0  n1      n1,n2    -       -           0  2 of 3 copies");
    expect(last).toBe("not healthy: partitions 0, 1, 2, 3 have too few copies");
  });

  test("with fewer nodes than copies", async () => {
    const cluster = new StandInCluster({ nodes: 3 });
    cluster.apply({ op: "set-node-state", seat: 3, state: "draining", successor: 0 });
    const { last } = await status(cluster);
    expect(last).toMatch(/^not healthy: there are 2 active nodes for 3 copies; n3 is draining, and 5 replicas/);
  });

  test.each<[string, object, string]>([
    ["does not answer", { recentlyActive: false }, "n2 does not answer"],
    ["gets a snapshot", { state: "snapshot" }, "n2 gets a snapshot"],
    ["is being probed", { state: "probe", match: 40 }, "n2 does not follow yet"],
  ])("with a replica that %s", async (_what, change, words) => {
    const cluster = new StandInCluster();
    cluster.distort.set("n1", withPeer(0, 1, change));
    const { lines, last } = await status(cluster);
    expect(lines.find((line) => line.includes(words))).toMatch(/^ +0 {2}n1/);
    expect(last).toBe("not healthy: partition 0 has replicas that do not follow");
  });

  test("a replica that follows may lag behind: that is shown, and is no trouble", async () => {
    const cluster = new StandInCluster({ partitions: 1 });
    cluster.distort.set("n1", withPeer(0, 1, { match: 15 }));
    const { code, lines } = await status(cluster, true);
    expect(lines).toContain("        0  n1      n1,n2,n3  -       -          75  settled");
    expect(code).toBe(0);
  });

  test("with a leader that was deposed and does not know it", async () => {
    const cluster = new StandInCluster();
    cluster.distort.set("n3", (description) => ({
      ...description,
      replicas: description.replicas.map((replica) => ({ ...replica, role: "leader", term: 2 })),
    }));
    const { code, lines } = await status(cluster, true);
    expect(lines).toContain("        0  n1      n1,n2,n3  -       -           0  settled");
    expect(code).toBe(0);
  });

  test("with a configuration that is not what the map wants", async () => {
    const cluster = new StandInCluster();
    cluster.distort.set("n1", (description) => ({
      ...description,
      replicas: description.replicas.map((replica) => (replica.group === 0 ? { ...replica, outgoing: [1] } : replica)),
    }));
    expect((await status(cluster)).last).toBe("not healthy: partition 0 is moving");
  });

  test("with a clock that is off, and two nodes that do not hear each other", async () => {
    const cluster = new StandInCluster();
    cluster.distort.set("n1", (description) => ({ ...description, clockAheadMs: 730, connectedNodeIds: ["n2"] }));
    cluster.distort.set("n3", (description) => ({ ...description, clockAheadMs: -501, connectedNodeIds: ["n2"] }));
    expect((await status(cluster)).last).toBe(
      "not healthy: the clock of n1 is 730 ms fast; the clock of n3 is 501 ms slow; n1 and n3 are not connected",
    );
  });

  test("with somebody else at a node's address", async () => {
    const cluster = new StandInCluster();
    cluster.distort.set("n3", (description) => ({ ...description, nodeId: "n9" }));
    const { lines, last } = await status(cluster);
    expect(lines.some((line) => /n3 .* another /.test(line))).toBe(true);
    expect(last).toContain("n3 is not to be found: node n9 answers at its address");
  });

  test("with a node that lost its disk and came back", async () => {
    const cluster = new StandInCluster();
    cluster.join("n3");
    const { lines, last } = await status(cluster);
    expect(lines.filter((line) => /^ +\d+ {2}n3 /.test(line)).map((line) => line.split(/ +/)[4])).toEqual([
      "lost",
      "active",
    ]);
    expect(last).toContain("n3 lost its disk, and 5 replicas of it must be made again");
    while (cluster.map.nodes.some((node) => node.state === "lost")) cluster.step();
    const healed = new StandInCluster();
    healed.map = cluster.map;
    expect(await status(healed)).toMatchObject({ code: 0 });
  });

  test("a drained node that holds nothing is as it shall be, one that is gone is not shown", async () => {
    const cluster = new StandInCluster({ nodes: 5 });
    cluster.apply({ op: "set-node-state", seat: 4, state: "draining", successor: 0 });
    cluster.apply({ op: "set-node-state", seat: 5, state: "leaving", successor: 0 });
    for (let i = 0; i < 40; i++) cluster.step();
    const { code, lines } = await status(cluster);
    expect(lines.filter((line) => /^ +\d/.test(line)).map((line) => line.split(/ +/)[4])).toEqual([
      "active",
      "active",
      "active",
      "draining",
    ]);
    expect(code).toBe(0);
  });

  test("follows the newest map that any node has", async () => {
    const cluster = new StandInCluster();
    const old = cluster.map;
    cluster.join("n4");
    cluster.distort.set("n1", (description) => ({ ...description, map: old }));
    const { lines } = await status(cluster);
    expect(lines[0]).toContain("version 5");
    expect(lines.some((line) => line.includes("   4  n4    h4:7101  active  up"))).toBe(true);
  });

  test("--json says the same in one document", async () => {
    const cluster = new StandInCluster({ nodes: 4 });
    cluster.down.add("n2");
    expect(await cluster.operate({ do: "status", partitions: false }, { json: true })).toBe(1);
    const document = JSON.parse(cluster.said.join("\n")) as Record<string, unknown>;
    expect(document).toMatchObject({
      ...{ clusterId, mapVersion: 5, partitionCount: 4, replicationFactor: 3, metaLeader: "n1", isHealthy: false },
      problems: ["n2 is down", "the meta group and partitions 0, 1, 3 have replicas that do not follow"],
    });
    expect((document["nodes"] as unknown[])[1]).toEqual({
      ...{ seat: 2, id: "n2", address: "h2:7101", state: "active", isUp: false },
      trouble: "no node answers: h2:7101 is down",
      ...{ replicas: 4, leads: 0, bodyBytes: null, clockAheadMs: null, mapVersion: null },
    });
    expect((document["partitions"] as unknown[]).at(-1)).toEqual({
      ...{ partition: "meta", leader: "n1", term: 3, replicas: ["n1", "n2", "n3"] },
      ...{ target: [], learners: [], lag: 0, isSettled: false, troubles: { behind: "n2 does not answer" } },
    });
  });

  test("is not to be had when nobody answers", async () => {
    const cluster = new StandInCluster();
    for (const id of ["n1", "n2", "n3"]) cluster.down.add(id);
    expect(await cluster.operate({ do: "status", partitions: false })).toBe(1);
    expect(await cluster.operate({ do: "status", partitions: false }, { node: "h1:7101" })).toBe(1);
    expect(cluster.warned).toEqual([
      "marconi: no node answers: h1:7101 is down; --node or MARCONI_NODE says where nodes are",
      "marconi: no node answers: h1:7101 is down",
    ]);
    expect(cluster.said).toEqual([]);
  });
});

describe("the list of partitions", () => {
  test("is a table, and succeeds whatever their state", async () => {
    const cluster = new StandInCluster({ partitions: 1 });
    cluster.leaderless.add(0);
    expect(await cluster.operate({ do: "list" })).toBe(0);
    expect(cluster.said).toEqual([
      "partition  leader  held by   target  learners  lag  is",
      "        0  -       n1,n2,n3  -       -           -  no leader",
      "     meta  n1      n1,n2,n3  -       -           0  settled",
    ]);
  });

  test("or a document", async () => {
    const cluster = new StandInCluster({ partitions: 2 });
    await cluster.operate({ do: "list" }, { json: true });
    expect(JSON.parse(cluster.said.join("\n"))).toMatchObject([
      { partition: 0 },
      { partition: 1 },
      { partition: "meta" },
    ]);
  });
});
