import type { ClusterMap, ClusterNode, NodeState, Seat } from "./types.js";

/** Its place is the state's number on disk and on the wire: only ever append. */
export const nodeStates = ["active", "draining", "leaving", "lost", "gone"] as const satisfies readonly NodeState[];

/** True for a node that may be reached: of each name there is one at most, and of each address. */
export function isMember({ state }: ClusterNode): boolean {
  return state !== "lost" && state !== "gone";
}

export function nodeAt(map: ClusterMap, seat: Seat): ClusterNode | undefined {
  return map.nodes[seat - 1];
}

export function isActive(map: ClusterMap, seat: Seat): boolean {
  return nodeAt(map, seat)?.state === "active";
}
