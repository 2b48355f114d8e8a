import { describe, expect, it } from "@jest/globals";
import { Cluster, voters } from "./harness.js";

describe("a cluster without faults", () => {
  it("elects a leader, commits and applies everywhere", () => {
    const cluster = new Cluster({ configuration: voters(1, 2, 3) });
    cluster.elect(1);
    for (let i = 0; i < 10; i++) cluster.propose(1);
    cluster.settle();
    cluster.run(2);
    for (const { history } of cluster.live())
      expect(history).toEqual(["p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10"]);
  });

  it("runs with a single voter", () => {
    const cluster = new Cluster({ configuration: voters(1) });
    cluster.elect(1);
    cluster.propose(1);
    cluster.settle();
    expect(cluster.replica(1).history).toEqual(["p1"]);
  });
});
