import { describe, expect, it } from "@jest/globals";
import {
  type ClusterMap,
  clusterLimits,
  type ClusterNode,
  encodeMap,
  type Placement,
  replicaIdAt,
} from "../../src/cluster/index.js";
import { applied, found, grown, held, incarnation, placed, wanted } from "./maps.js";

const sound = placed(placed(grown(found(3), 4, 6), 0, 4, 2), 0, 5, 2);

function withNode(seat: number, change: Partial<ClusterNode>): ClusterMap {
  return { ...sound, nodes: sound.nodes.map((node) => (node.seat === seat ? { ...node, ...change } : node)) };
}

function withPlacement(change: Partial<Placement>): ClusterMap {
  return { ...sound, partitions: [{ ...held(sound, 0), ...change }, ...sound.partitions.slice(1)] };
}

const fresh = (seat: number): number => replicaIdAt(seat, 1);

const unsound: [string, ClusterMap][] = [
  ["version out of range", { ...sound, version: 0 }],
  ["version out of range", { ...sound, version: 2 ** 48 }],
  ["version out of range", { ...sound, version: 1.5 }],
  ["partition count out of range", { ...sound, partitionCount: 0, partitions: [] }],
  ["partition count out of range", { ...sound, partitionCount: 4_097 }],
  ["not as many placements as partitions", { ...sound, partitionCount: 7 }],
  ["founders out of range", { ...sound, founders: 0 }],
  ["founders out of range", { ...sound, founders: 7 }],
  ["founding replication factor out of range", { ...sound, foundingReplicationFactor: 4 }],
  ["founding replication factor out of range", { ...sound, foundingReplicationFactor: 0 }],
  ["replication factor out of range", { ...sound, replicationFactor: 0 }],
  ["replication factor out of range", { ...sound, replicationFactor: 8 }],
  ["node on seat 7: not on the seat of its place", withNode(6, { seat: 7 })],
  ["node on seat 1: not a node id", withNode(1, { id: "N1" })],
  ["node on seat 1: not a node id", withNode(1, { id: "n".repeat(64) })],
  ["node on seat 1: not a node id", withNode(1, { id: "n\u00e9" })],
  ["node on seat 1: not an address", withNode(1, { address: "" })],
  ["node on seat 1: not an address", withNode(1, { address: "a b:1" })],
  ["node on seat 1: not an address", withNode(1, { address: "a".repeat(261) })],
  ["node on seat 4: not an incarnation", withNode(4, { incarnation: "" })],
  ["node on seat 1: not an incarnation", withNode(1, { incarnation: "00000000000000AA" })],
  ["node on seat 1: not an incarnation", withNode(1, { incarnation: "0".repeat(15) })],
  ["node on seat 1: not a successor", withNode(1, { state: "draining", successor: 7 })],
  ["node on seat 1: not a successor", withNode(1, { state: "draining", successor: 1 })],
  ["node on seat 1: a successor of nothing", withNode(1, { successor: 2 })],
  ["two nodes of one name", withNode(1, { id: "n2" })],
  ["two nodes of one address", withNode(1, { address: "host2:7000" })],
  ["two nodes of one incarnation", withNode(1, { incarnation: incarnation(4) })],
  ["no active node", { ...sound, nodes: sound.nodes.map((node) => ({ ...node, state: "draining" })) }],
  ["partition 0: generation out of range", withPlacement({ generation: 2 ** 32 })],
  ["partition 0: not the voters of a group", withPlacement({ replicas: [] })],
  ["partition 0: not the voters of a group", withPlacement({ replicas: [1, 2, fresh(2)] })],
  ["partition 0: not the voters of a group", withPlacement({ replicas: [1, 2, 3, 4, 5, 6, 7, 8] })],
  ["partition 0: not a target", withPlacement({ target: [2, 2] })],
  ["partition 0: not a target", withPlacement({ target: [3, 1, 2] })],
  ["partition 0: an unknown replica", withPlacement({ replicas: [1, 2, 7] })],
  ["partition 0: an unknown replica", withPlacement({ replicas: [1, 2, replicaIdAt(3, 3)] })],
  ["partition 0: an unknown replica", withPlacement({ former: [0] })],
  [
    "partition 0: an unknown replica",
    { ...withNode(6, { state: "gone" }), meta: held(sound, 0), partitions: withPlacement({ former: [6] }).partitions },
  ],
  ["partition 0: a former replica that is a current one", withPlacement({ former: [1] })],
  ["partition 0: a former replica that is a current one", withPlacement({ former: [replicaIdAt(5, 2)] })],
  ["partition 0: former replicas out of order", withPlacement({ former: [fresh(4), fresh(4)] })],
  ["partition 0: former replicas out of order", withPlacement({ former: [fresh(4), 4] })],
  ["meta group: not the voters of a group", { ...sound, meta: { ...sound.meta, replicas: [1, 1] } }],
];

describe("a map", () => {
  it.each(unsound)("is none with %s", (reason, map) => {
    expect(() => encodeMap(map)).toThrow(reason);
  });

  it("may have nodes of one name and address that are members no more", () => {
    const again = { id: "n4", incarnation: incarnation(40), address: "host4:7000" } as const;
    expect(() => encodeMap(applied(sound, { op: "add-node", ...again }))).not.toThrow();
    expect(() => encodeMap(applied(sound, wanted(2, "lost"), wanted(3, "leaving", 1)))).not.toThrow();
  });

  it("has bounds", () => {
    const rows = Array.from({ length: clusterLimits.rowsMax + 1 }, (_, i) => ({ ...sound.nodes[5]!, seat: i + 1 }));
    expect(() => encodeMap({ ...sound, nodes: rows })).toThrow("too many nodes");
    const members = Array.from({ length: clusterLimits.nodesMax + 1 }, (_, i) => ({
      ...{ seat: i + 1, id: `n${i}`, address: `host${i}`, incarnation: incarnation(i) },
      ...{ state: "active" as const, successor: 0 },
    }));
    expect(() => encodeMap({ ...sound, nodes: members })).toThrow("too many nodes");
    const former = Array.from({ length: clusterLimits.unsettledMax }, (_, i) => replicaIdAt(1, i + 1));
    expect(() => encodeMap(withPlacement({ generation: 99, former }))).toThrow("too many unsettled replicas");
    expect(() => encodeMap(withPlacement({ generation: 99, target: [], former }))).not.toThrow();
  });
});
