import {
  type ClusterMap,
  type ClusterNode,
  foundingMap,
  type Placement,
  replicaIdAt,
} from "../../src/cluster/index.js";
import { ClusterView } from "../../src/node/cluster-view.js";

const incarnationAt = (seat: number): string => seat.toString(16).padStart(16, "0");

/** A cluster just founded: nodes n1 to n<nodes>, on the seats of their numbers. */
export function foundingOf(nodes: number, partitionCount = 1, replicationFactor = Math.min(3, nodes)): ClusterMap {
  const members = Array.from({ length: nodes }, (_, i) => {
    const id = `n${String(i + 1)}`;
    return { id, address: `${id}:1` };
  });
  return foundingMap({ members, partitionCount, replicationFactor });
}

/** A later version of a map. */
export function changedMap(map: ClusterMap, change: Partial<ClusterMap> = {}): ClusterMap {
  return { ...map, ...change, version: map.version + 1 };
}

/** The same with one partition's placement changed. */
export function placed(map: ClusterMap, group: number, change: Partial<Placement>): ClusterMap {
  const partitions = map.partitions.map((one, i) => (i === group ? { ...one, ...change } : one));
  return changedMap(map, { partitions });
}

/** The same with the rows of some nodes changed; every founder is known by the incarnation of its seat. */
export function withNodes(map: ClusterMap, change: (node: ClusterNode) => Partial<ClusterNode>): ClusterMap {
  const nodes = map.nodes.map((node) => ({ ...node, incarnation: incarnationAt(node.seat), ...change(node) }));
  return changedMap(map, { nodes });
}

export function viewOf(nodeId: string, map: ClusterMap): ClusterView {
  const seat = map.nodes.find(({ id, state }) => id === nodeId && state !== "gone" && state !== "lost")?.seat ?? 0;
  return new ClusterView(nodeId, incarnationAt(seat), map);
}

export { incarnationAt, replicaIdAt };
