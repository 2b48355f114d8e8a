import { describe, expect, test } from "@jest/globals";
import { AdminError } from "../../../src/admin/index.js";
import { heldBy } from "../../../src/cluster/index.js";
import { StandInCluster } from "./stand-in-cluster.js";

const held = (cluster: StandInCluster, seat: number): number => heldBy(cluster.map, seat).length;

describe("draining a node", () => {
  test("tells the cluster and says how much there is to move", async () => {
    const cluster = new StandInCluster({ nodes: 4 });
    expect(await cluster.operate({ do: "drain", id: "n1", wait: false })).toBe(0);
    expect(cluster.commands).toEqual([{ op: "set-node-state", seat: 1, state: "draining", successor: 0 }]);
    expect(cluster.said).toEqual(["n1 is draining: 4 replicas left"]);
    expect(cluster.warned).toEqual([]);
  });

  test("--wait tells the progress, one line for each step, and ends when the node holds nothing", async () => {
    const cluster = new StandInCluster({ nodes: 4 });
    expect(await cluster.operate({ do: "drain", id: "n1", wait: true })).toBe(0);
    expect(cluster.warned).toEqual([4, 3, 2, 1].map((n) => `n1 is draining: ${n} replica${n > 1 ? "s" : ""} left`));
    expect(cluster.said).toEqual(["n1 is drained: it holds nothing, and stays a member"]);
    expect(held(cluster, 1)).toBe(0);
  });

  test("warns when fewer nodes than copies are left", async () => {
    const cluster = new StandInCluster();
    expect(await cluster.operate({ do: "drain", id: "n1", wait: true })).toBe(0);
    expect(cluster.warned[0]).toBe(
      "only 2 active nodes for 3 copies of every message: until another one joins, there are 2",
    );
    expect(held(cluster, 1)).toBe(0);
  });

  test("that is done already is done", async () => {
    const cluster = new StandInCluster({ nodes: 4 });
    await cluster.operate({ do: "drain", id: "n1", wait: true });
    cluster.said.length = 0;
    expect(await cluster.operate({ do: "drain", id: "n1", wait: true })).toBe(0);
    expect(cluster.commands).toHaveLength(1);
    expect(cluster.said).toEqual(["n1 is drained: it holds nothing, and stays a member"]);
  });

  test("--wait gives up in time, and the cluster goes on", async () => {
    const cluster = new StandInCluster({ nodes: 4 });
    cluster.isStuck = true;
    expect(await cluster.operate({ do: "drain", id: "n1", wait: true }, { waitTimeoutMs: "60000" })).toBe(1);
    expect(cluster.warned).toEqual([
      "n1 is draining: 4 replicas left",
      'nothing has moved for 30 s: "marconi cluster status" says what is wrong',
      "marconi: not done within 60 s; the cluster goes on with it",
    ]);
    expect(cluster.said).toEqual([]);
    expect(cluster.nowMs).toBe(60_000);
  });

  test("--wait ends when somebody wants otherwise meanwhile", async () => {
    const cluster = new StandInCluster({ nodes: 4 });
    cluster.onPoll = () => cluster.apply({ op: "set-node-state", seat: 1, state: "active", successor: 0 });
    expect(await cluster.operate({ do: "drain", id: "n1", wait: true })).toBe(1);
    expect(cluster.warned.at(-1)).toBe("marconi: n1 is active again: somebody changed it meanwhile");
  });

  test("--wait rides out that nobody answers", async () => {
    const cluster = new StandInCluster({ nodes: 4 });
    let polls = 0;
    cluster.onPoll = () => {
      polls++;
      for (const id of ["n1", "n2", "n3", "n4"])
        if (polls === 2) cluster.down.add(id);
        else cluster.down.delete(id);
    };
    expect(await cluster.operate({ do: "drain", id: "n1", wait: true })).toBe(0);
    expect(cluster.warned).toContain("no node answers: h1:7101 is down");
  });

  test("--json prints one document", async () => {
    const cluster = new StandInCluster({ nodes: 4 });
    await cluster.operate({ do: "drain", id: "n1", wait: false }, { json: true });
    expect(cluster.said).toEqual(['{"node":"n1","state":"draining","replicasLeft":4,"isDone":false,"mapVersion":6}']);
  });

  test.each([
    ["n9", "there is no node n9 in the cluster; its nodes are n1, n2, n3"],
    ["n1", "node n1 is the last active one"],
  ])("of %s may be refused in a sentence", async (id, sentence) => {
    const cluster = new StandInCluster();
    for (const seat of [2, 3]) cluster.apply({ op: "set-node-state", seat, state: "draining", successor: 0 });
    expect(await cluster.operate({ do: "drain", id, wait: true })).toBe(3);
    expect(cluster.warned).toEqual([`marconi: ${sentence}`]);
  });

  test("undrain lets it have its share again, also while it leaves", async () => {
    const cluster = new StandInCluster({ nodes: 4 });
    for (const state of ["draining", "leaving"] as const) {
      cluster.apply({ op: "set-node-state", seat: 1, state, successor: 0 });
      expect(await cluster.operate({ do: "undrain", id: "n1", wait: false })).toBe(0);
      expect(cluster.map.nodes[0]?.state).toBe("active");
    }
    expect(cluster.said[0]).toBe("n1 is active, and is given its share again");
  });
});

describe("removing a node", () => {
  test("moves what it holds, then it is gone; again is the same", async () => {
    const cluster = new StandInCluster({ nodes: 4 });
    expect(await cluster.operate({ do: "remove", id: "n2", wait: true })).toBe(0);
    expect(cluster.said).toEqual(["n2 is no member any more: it may be stopped, and its data folder removed"]);
    expect(cluster.map.nodes[1]).toMatchObject({ state: "gone" });
    expect(await cluster.operate({ do: "remove", id: "n2", wait: true })).toBe(0);
    expect(cluster.said.at(-1)).toBe("n2 is no member any more");
    expect(cluster.commands).toHaveLength(1);
  });

  test("that is down works, and says so", async () => {
    const cluster = new StandInCluster({ nodes: 4 });
    cluster.down.add("n2");
    expect(await cluster.operate({ do: "remove", id: "n2", wait: true })).toBe(0);
    expect(cluster.warned[0]).toBe("n2 is down: what it holds is made again from the other replicas");
    expect(cluster.map.nodes[1]).toMatchObject({ state: "gone" });
  });

  test("that holds nothing ends at once", async () => {
    const cluster = new StandInCluster();
    cluster.join("n4");
    expect(await cluster.operate({ do: "remove", id: "n4", wait: false })).toBe(0);
    expect(cluster.said).toEqual(["n4 is no member any more: it may be stopped, and its data folder removed"]);
  });

  test("is looked up after an unknown outcome: it may be done", async () => {
    const cluster = new StandInCluster();
    cluster.join("n4");
    cluster.mishaps.push((command) => {
      cluster.apply(command);
      throw new AdminError("unknown-outcome", "nobody knows");
    });
    expect(await cluster.operate({ do: "remove", id: "n4", wait: false })).toBe(0);
    expect(cluster.commands).toHaveLength(1);
    expect(cluster.map.nodes[3]).toMatchObject({ state: "gone" });
  });

  test("of unknown outcome on a map that stays as it was is told as such", async () => {
    const cluster = new StandInCluster({ nodes: 4 });
    cluster.mishaps.push(() => {
      throw new AdminError("unknown-outcome", "nobody knows whether it was done");
    });
    expect(await cluster.operate({ do: "remove", id: "n4", wait: false })).toBe(1);
    expect(cluster.warned).toEqual(["marconi: nobody knows whether it was done"]);
  });

  test("of a name that came back without its disk removes the one that is a member", async () => {
    const cluster = new StandInCluster({ nodes: 4 });
    cluster.join("n2");
    expect(await cluster.operate({ do: "remove", id: "n2", wait: true })).toBe(0);
    expect(cluster.commands).toMatchObject([{ seat: 5 }]);
    expect(cluster.map.nodes[4]).toMatchObject({ state: "gone" });
  });
});

describe("replacing a node", () => {
  test("has another one hold what it held", async () => {
    const cluster = new StandInCluster();
    cluster.join("n4");
    cluster.down.add("n2");
    expect(await cluster.operate({ do: "replace", id: "n2", by: "n4", wait: true })).toBe(0);
    expect(cluster.commands).toEqual([{ op: "set-node-state", seat: 2, state: "leaving", successor: 4 }]);
    expect(cluster.warned.slice(0, 2)).toEqual([
      "n2 is down: what it holds is made again from the other replicas",
      "n2 is leaving: 5 replicas left, for n4 to hold",
    ]);
    expect([cluster.map.nodes[1]?.state, held(cluster, 4)]).toEqual(["gone", 5]);
  });

  test.each([
    ["n1", "n1", "n1 cannot be replaced by itself"],
    ["n1", "n9", "there is no node n9 in the cluster; its nodes are n1, n2, n3, n4"],
    ["n1", "n4", "n4 is draining: only an active node can hold what n1 holds"],
  ])("%s by %s is refused", async (id, by, sentence) => {
    const cluster = new StandInCluster({ nodes: 4 });
    cluster.apply({ op: "set-node-state", seat: 4, state: "draining", successor: 0 });
    expect(await cluster.operate({ do: "replace", id, by, wait: false })).toBe(3);
    expect(cluster.warned).toEqual([`marconi: ${sentence}`]);
    expect(cluster.commands).toEqual([]);
  });
});
