import { describe, expect, test } from "@jest/globals";
import { AdminError } from "../../../src/admin/index.js";
import { goalOf, metaGroup, seatOf } from "../../../src/cluster/index.js";
import { StandInCluster } from "./stand-in-cluster.js";

const seats = (cluster: StandInCluster, group: number) =>
  goalOf(group === metaGroup ? cluster.map.meta : cluster.map.partitions[group]!).map(seatOf);

describe("moving a partition", () => {
  test("to nodes that are named, the first of which should lead it", async () => {
    const cluster = new StandInCluster({ nodes: 4 });
    expect(await cluster.operate({ do: "move", group: 0, to: ["n4", "n1", "n2"], wait: false })).toBe(0);
    expect(cluster.commands).toEqual([{ op: "place", group: 0, seats: [4, 1, 2], decidedOn: 5 }]);
    expect(cluster.said).toEqual(["partition 0 moves from n1, n2, n3 to n4, n1, n2"]);
  });

  test("--wait ends when they hold it and no others", async () => {
    const cluster = new StandInCluster({ nodes: 4 });
    expect(await cluster.operate({ do: "move", group: 0, to: ["n4", "n1", "n2"], wait: true })).toBe(0);
    expect(cluster.warned).toEqual(["partition 0 moves from n1, n2, n3 to n4, n1, n2"]);
    expect(cluster.said).toEqual(["partition 0 is held by n4, n1, n2"]);
    expect(seats(cluster, 0)).toEqual([4, 1, 2]);
  });

  test("where it is already is done", async () => {
    const cluster = new StandInCluster();
    expect(await cluster.operate({ do: "move", group: metaGroup, to: ["n1", "n2", "n3"], wait: true })).toBe(0);
    expect(cluster.said).toEqual(["the meta group is held by n1, n2, n3"]);
    expect(cluster.commands).toEqual([]);
  });

  test("is decided again while the map changes under it, as long as it can be done", async () => {
    const cluster = new StandInCluster({ nodes: 5 });
    const state = (seat: number, wanted: "draining" | "active") => () =>
      cluster.apply({ op: "set-node-state", seat, state: wanted, successor: 0 });
    cluster.mishaps.push(state(5, "draining"), state(5, "active"), state(5, "draining"), state(5, "active"));
    expect(await cluster.operate({ do: "move", group: 0, to: ["n4", "n1", "n2"], wait: false })).toBe(0);
    expect(cluster.commands).toHaveLength(5);
    cluster.mishaps.push(state(5, "draining"));
    expect(await cluster.operate({ do: "move", group: 1, to: ["n5", "n1", "n2"], wait: false })).toBe(3);
    expect(cluster.warned).toEqual(["marconi: n5 is draining: it is given nothing any more"]);
  });

  test("gives up when the map never keeps still", async () => {
    const cluster = new StandInCluster({ nodes: 5 });
    const change = () => {
      cluster.mishaps.push(change);
      const state = cluster.map.nodes[4]?.state === "active" ? "draining" : "active";
      cluster.apply({ op: "set-node-state", seat: 5, state, successor: 0 });
    };
    cluster.mishaps.push(change);
    expect(await cluster.operate({ do: "move", group: 0, to: ["n4", "n1", "n2"], wait: false })).toBe(3);
    expect(cluster.commands).toHaveLength(10);
    expect(cluster.warned[0]).toContain("marconi: the cluster map has changed since");
  });

  test("--wait ends when somebody moves it elsewhere meanwhile", async () => {
    const cluster = new StandInCluster({ nodes: 5 });
    cluster.onPoll = () => cluster.apply({ op: "place", group: 0, seats: [5, 1, 2], decidedOn: cluster.map.version });
    expect(await cluster.operate({ do: "move", group: 0, to: ["n4", "n1", "n2"], wait: true })).toBe(1);
    expect(cluster.warned.at(-1)).toBe("marconi: partition 0 is wanted elsewhere: somebody moved it meanwhile");
  });

  test.each<[number, string[], string]>([
    [4, ["n1", "n2", "n3"], "there is no partition 4; the cluster has 0 to 3"],
    [0, ["n1", "n2"], "every partition has 3 copies: name so many nodes with --to"],
    [0, ["n1", "n2", "n2"], "a node holds one replica of a partition at most"],
    [0, ["n1", "n2", "n9"], "there is no node n9 in the cluster; its nodes are n1, n2, n3, n4, n5"],
    [0, ["n1", "n2", "n4"], "n4 is draining: it is given nothing any more"],
    [
      0,
      ["n1", "n2", "n5"],
      "n5 does not answer, so that it cannot be given a copy now: no node answers: h5:7101 is down",
    ],
  ])("%d to %j is refused in a sentence", async (group, to, sentence) => {
    const cluster = new StandInCluster({ nodes: 5 });
    cluster.apply({ op: "set-node-state", seat: 4, state: "draining", successor: 0 });
    cluster.down.add("n5");
    expect(await cluster.operate({ do: "move", group, to, wait: false })).toBe(3);
    expect(cluster.warned).toEqual([`marconi: ${sentence}`]);
    expect(cluster.commands).toEqual([]);
  });
});

describe("the number of copies", () => {
  test("is changed, and --wait ends when every partition has as many", async () => {
    const cluster = new StandInCluster({ nodes: 5 });
    expect(await cluster.operate({ do: "set-replication-factor", copies: 5, wait: true })).toBe(0);
    expect(cluster.warned[0]).toBe("4 partitions of 4 to change");
    expect(cluster.said).toEqual(["every partition has 5 copies"]);
    expect(cluster.map.partitions.every(({ replicas }) => replicas.length === 5)).toBe(true);
  });

  test("is as many as there are nodes, and is said so", async () => {
    const cluster = new StandInCluster({ nodes: 3 });
    expect(await cluster.operate({ do: "set-replication-factor", copies: 5, wait: true })).toBe(0);
    expect(cluster.warned).toEqual(["only 3 active nodes: until others join, there are so many copies"]);
  });

  test("--json prints one document", async () => {
    const cluster = new StandInCluster({ nodes: 5 });
    await cluster.operate({ do: "set-replication-factor", copies: 4, wait: false }, { json: true });
    expect(cluster.said).toEqual(['{"isDone":false,"mapVersion":7}']);
  });
});

describe("handing leadership over", () => {
  test("asks whoever leads", async () => {
    const cluster = new StandInCluster();
    expect(await cluster.operate({ do: "transfer", group: 0, to: undefined })).toBe(0);
    expect(await cluster.operate({ do: "transfer", group: metaGroup, to: "n3" })).toBe(0);
    expect(cluster.transfers).toEqual([
      { group: 0, to: undefined },
      { group: metaGroup, to: "n3" },
    ]);
    expect(cluster.said).toEqual(["partition 0 is handed to n2", "the meta group is handed to n3"]);
    expect(cluster.warned).toEqual([
      "n1 takes over again when it can: the first of those that hold partition 0 should lead it. For good: " +
        "marconi partition move 0 --to n2,n1,n3",
      "n1 takes over again when it can: the first of those that hold the meta group should lead it. For good: " +
        "marconi partition move meta --to n3,n1,n2",
    ]);
  });

  test("to the one that leads already is done", async () => {
    const cluster = new StandInCluster();
    expect(await cluster.operate({ do: "transfer", group: 1, to: "n2" })).toBe(0);
    expect(cluster.said).toEqual(["n2 leads partition 1 already"]);
    expect(cluster.warned).toEqual([]);
    expect(cluster.transfers).toEqual([]);
  });

  test("--json prints one document", async () => {
    const cluster = new StandInCluster();
    await cluster.operate({ do: "transfer", group: metaGroup, to: "n3" }, { json: true });
    expect(cluster.said).toEqual(['{"partition":"meta","leader":"n3"}']);
  });

  test.each<[number, string | undefined, string]>([
    [9, undefined, "there is no partition 9; the cluster has 0 to 3"],
    [1, "n9", "there is no node n9 in the cluster; its nodes are n1, n2, n3"],
  ])("%d to %s is refused in a sentence", async (group, to, sentence) => {
    const cluster = new StandInCluster();
    expect(await cluster.operate({ do: "transfer", group, to })).toBe(3);
    expect(cluster.warned).toEqual([`marconi: ${sentence}`]);
  });

  test("a node that is down is for the leader to refuse", async () => {
    const cluster = new StandInCluster();
    cluster.down.add("n2");
    cluster.admin.transferLeadership = async () => {
      throw new AdminError("refused", "node n2 holds no voter of partition 1 that is in reach");
    };
    expect(await cluster.operate({ do: "transfer", group: 1, to: "n2" })).toBe(3);
    expect(cluster.warned).toEqual(["marconi: node n2 holds no voter of partition 1 that is in reach"]);
  });
});

test("an error that is none of the cluster's is not told as one", async () => {
  const cluster = new StandInCluster();
  cluster.mishaps.push(() => {
    throw new TypeError("a mistake of ours");
  });
  await expect(cluster.operate({ do: "drain", id: "n1", wait: false })).rejects.toThrow("a mistake of ours");
});
