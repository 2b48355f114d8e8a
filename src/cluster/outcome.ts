import { heldIds, placementsOf } from "./holding.js";
import { seatOf } from "./replica-id.js";
import { metaGroup } from "./limits.js";
import type { ClusterMap, ClusterNode, MapOutcome, Placement, Seat } from "./types.js";

/** The next version of a map. Whoever leaves or is lost and holds nothing any more is gone with it. */
export function changed(map: ClusterMap, parts: Partial<ClusterMap>): MapOutcome {
  const next = { ...map, ...parts, version: map.version + 1 };
  return { map: { ...next, nodes: withoutIdle(next) }, changed: true };
}

export function unchanged(map: ClusterMap): MapOutcome {
  return { map, changed: false };
}

export function refused(reason: string): MapOutcome {
  return { refused: reason };
}

/** The map's rows with that of one seat replaced. */
export function withNode(map: ClusterMap, node: ClusterNode): ClusterNode[] {
  return map.nodes.map((row) => (row.seat === node.seat ? node : row));
}

/** The part of a map that changes with a group's placement. */
export function withPlacement(map: ClusterMap, group: number, placement: Placement): Partial<ClusterMap> {
  if (group === metaGroup) return { meta: placement };
  return { partitions: map.partitions.map((current, i) => (i === group ? placement : current)) };
}

function withoutIdle(map: ClusterMap): readonly ClusterNode[] {
  const onTheWayOut = ({ state }: ClusterNode): boolean => state === "leaving" || state === "lost";
  if (!map.nodes.some(onTheWayOut)) return map.nodes;
  const holding = new Set<Seat>();
  for (const [, placement] of placementsOf(map)) for (const id of heldIds(placement)) holding.add(seatOf(id));
  return map.nodes.map((node) =>
    onTheWayOut(node) && !holding.has(node.seat) ? { ...node, state: "gone", successor: 0 } : node,
  );
}
