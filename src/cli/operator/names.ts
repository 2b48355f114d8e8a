import { AdminError } from "../../admin/index.js";
import { type ClusterMap, type ClusterNode, metaGroup, type ReplicaId, seatOf } from "../../cluster/index.js";

/** "meta", or a partition's number: as operators write it. */
export function groupName(group: number): string {
  return group === metaGroup ? "meta" : String(group);
}

/** "partition 3": in a sentence. */
export function groupPhrase(group: number): string {
  return group === metaGroup ? "the meta group" : `partition ${group}`;
}

/** True for a node that may be reached: of each name there is one at most. */
export function isMember({ state }: ClusterNode): boolean {
  return state !== "lost" && state !== "gone";
}

/** The node that a replica is on; one that lost its disk has a successor of the same name. */
export function nodeNameOf(map: ClusterMap, replica: ReplicaId): string {
  const node = map.nodes[seatOf(replica) - 1];
  if (node === undefined) return `seat ${seatOf(replica)}`;
  return isMember(node) ? node.id : `${node.id}(${node.state})`;
}

/** @throws AdminError `refused` for a name that no member has */
export function memberNamed(map: ClusterMap, id: string): ClusterNode {
  const found = map.nodes.find((node) => node.id === id && isMember(node));
  if (found !== undefined) return found;
  const members = map.nodes.filter(isMember).map((node) => node.id);
  throw new AdminError("refused", `there is no node ${id} in the cluster; its nodes are ${members.join(", ")}`);
}

/** @throws AdminError `refused` for a partition that there is not */
export function checkGroup(map: ClusterMap, group: number): void {
  if (group === metaGroup || group < map.partitionCount) return;
  throw new AdminError("refused", `there is no partition ${group}; the cluster has 0 to ${map.partitionCount - 1}`);
}
