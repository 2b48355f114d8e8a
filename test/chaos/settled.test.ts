import { describe, expect, test } from "@jest/globals";
import { type ClusterMap, foundingMap, type Placement } from "../../src/cluster/index.js";
import { unsettled } from "./settled.js";

const members = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ id: `n${i + 1}`, address: `127.0.0.1:${7101 + i}` }));
const founded = (nodes: number): ClusterMap =>
  foundingMap({ members: members(nodes), partitionCount: 12, replicationFactor: 3 });

function withPlacement(map: ClusterMap, partition: number, change: Partial<Placement>): ClusterMap {
  const partitions = map.partitions.map((placement, i) => (i === partition ? { ...placement, ...change } : placement));
  return { ...map, partitions };
}

describe("a cluster is settled and balanced", () => {
  test.each([3, 4, 6])("when it was just founded by %i nodes", (nodes) => {
    expect(unsettled(founded(nodes))).toEqual([]);
  });

  test("but not while something moves", () => {
    expect(unsettled(withPlacement(founded(4), 5, { target: [1, 2, 4] }))).toContain("partition 5 is moving");
    expect(unsettled(withPlacement(founded(4), 5, { former: [4] }))).toContain("partition 5 is moving");
    const map = founded(3);
    expect(unsettled({ ...map, meta: { ...map.meta, target: [1, 2] } })).toContain("the meta group is moving");
  });

  test("but not with too few replicas", () => {
    expect(unsettled(withPlacement(founded(3), 0, { replicas: [1, 2] }))).toContain("partition 0 has 2 of 3 replicas");
    const map = founded(4);
    expect(unsettled({ ...map, meta: { ...map.meta, replicas: [1] } })).toContain("the meta group has 1 of 3 replicas");
  });

  test("but not with replicas on nodes that go", () => {
    const map = founded(4);
    const nodes = map.nodes.map((node) => (node.id === "n4" ? { ...node, state: "leaving" as const } : node));
    const told = unsettled({ ...map, nodes });
    expect(told).toContain("n4 is leaving");
    expect(told).toContain("partition 1 is held by a node that is not active");
  });

  test("but not when a newcomer holds nothing", () => {
    const map = founded(3);
    const newcomer = { ...map.nodes[0]!, seat: 4, id: "n4", address: "127.0.0.1:7104", incarnation: "0".repeat(16) };
    expect(unsettled({ ...map, nodes: [...map.nodes, newcomer] })).toEqual([
      "nodes hold from 0 to 12 partitions",
      "nodes lead from 0 to 4 partitions",
    ]);
  });
});
