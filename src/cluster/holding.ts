import { metaGroup } from "./limits.js";
import { seatOf } from "./replica-id.js";
import type { ClusterMap, Placement, ReplicaId, Seat } from "./types.js";

/** Who holds a group; undefined for a number that is neither a partition's nor metaGroup. */
export function placementOf(map: ClusterMap, group: number): Placement | undefined {
  return group === metaGroup ? map.meta : map.partitions[group];
}

/** The voters that a group shall have, the one that should lead first. */
export function goalOf({ replicas, target }: Placement): readonly ReplicaId[] {
  return target.length > 0 ? target : replicas;
}

/** Every replica of a placement that may be in the group's configuration, or shall be: each once. */
export function heldIds({ replicas, target, former }: Placement): readonly ReplicaId[] {
  if (target.length === 0 && former.length === 0) return replicas;
  return [...new Set([...replicas, ...target, ...former])];
}

/**
 * The replicas of a group that nodes must host. One that is not among them will never be again: it leaves only when the
 * group's leader says that a committed configuration does without it (the `settled` command), and its number is not given
 * out twice. Of several on one seat only the youngest has data; it is there because the others lost theirs.
 */
export function idsToHold(map: ClusterMap, group: number): ReplicaId[] {
  const placement = placementOf(map, group);
  return placement === undefined ? [] : [...heldIds(placement)];
}

/** Every group's placement with its number: the partitions in order, then the meta group. */
export function* placementsOf(map: ClusterMap): Generator<readonly [group: number, placement: Placement]> {
  yield* map.partitions.entries();
  yield [metaGroup, map.meta];
}

/** What a seat holds, or held and may not forget yet: by group, the meta group last. */
export function heldBy(map: ClusterMap, seat: Seat): { group: number; replica: ReplicaId }[] {
  const held: { group: number; replica: ReplicaId }[] = [];
  for (const [group, placement] of placementsOf(map))
    for (const replica of heldIds(placement)) if (seatOf(replica) === seat) held.push({ group, replica });
  return held;
}
