import { goalOf, heldIds, placementOf } from "./holding.js";
import { clusterLimits, metaGroup } from "./limits.js";
import { isSameSet } from "./map-rules.js";
import { isActive, isMember, nodeAt } from "./node-states.js";
import { changed, refused, unchanged, withPlacement } from "./outcome.js";
import { replicaIdAt, seatOf } from "./replica-id.js";
import type { ClusterMap, MapCommand, MapOutcome, Placement, ReplicaId, Seat } from "./types.js";

type Command<Op extends MapCommand["op"]> = Extract<MapCommand, { op: Op }>;

const nameOf = (group: number): string => (group === metaGroup ? "the meta group" : `partition ${group}`);
const noGroup = (group: number): MapOutcome => refused(`there is no partition ${group}`);

export function place(map: ClusterMap, command: Command<"place">): MapOutcome {
  const { group, seats, decidedOn } = command;
  const placement = placementOf(map, group);
  if (placement === undefined) return noGroup(group);
  if (decidedOn !== map.version)
    return refused(`the cluster map has changed since: it is at version ${map.version}, not ${decidedOn}`);
  const wrong = unfitSeats(map, group, placement, seats);
  if (wrong !== undefined) return refused(wrong);
  return retarget(map, group, (generation) => seats.map((seat) => replicaOn(placement, seat, generation)));
}

function unfitSeats(
  map: ClusterMap,
  group: number,
  { replicas, target }: Placement,
  seats: readonly Seat[],
): string | undefined {
  const most = group === metaGroup ? clusterLimits.metaVotersMax : clusterLimits.votersMax;
  if (seats.length < 1 || seats.length > most) return `${nameOf(group)} has 1 to ${most} replicas`;
  if (new Set(seats).size < seats.length) return "a node holds one replica of a group at most";
  const current = new Set([...replicas, ...target].map(seatOf));
  const unfit = seats.find((seat) => !isActive(map, seat) && !current.has(seat));
  return unfit === undefined ? undefined : `seat ${unfit} is no active node`;
}

/** The youngest that is held on this seat: it may be in the configuration, and has its memory. A new one else. */
function replicaOn(placement: Placement, seat: Seat, generation: number): ReplicaId {
  const held = heldIds(placement).filter((id) => seatOf(id) === seat);
  return held.length > 0 ? Math.max(...held) : replicaIdAt(seat, generation);
}

export function replaceReplica(map: ClusterMap, { group, replica }: Command<"replace-replica">): MapOutcome {
  const placement = placementOf(map, group);
  if (placement === undefined) return noGroup(group);
  const goal = goalOf(placement);
  const seat = seatOf(replica);
  const node = nodeAt(map, seat);
  if (!goal.includes(replica) || node === undefined) return refused(`${nameOf(group)} wants no replica ${replica}`);
  if (!isMember(node)) return refused(`node ${node.id} on seat ${seat} is ${node.state}: nothing is made there again`);
  return retarget(map, group, (generation) => goal.map((id) => (id === replica ? replicaIdAt(seat, generation) : id)));
}

/**
 * Makes `ids` what the group shall be held by. Its configuration may be on the way to any earlier target, so that whoever was
 * in one stays held until the group has settled. Every change has a generation of its own, which tells late reports of
 * `settled` from those about this one.
 */
function retarget(map: ClusterMap, group: number, idsOf: (generation: number) => ReplicaId[]): MapOutcome {
  const placement = placementOf(map, group) as Placement;
  const generation = placement.generation + 1;
  if (generation > clusterLimits.generationMax) return refused(`${nameOf(group)} has used up its generations`);
  const ids = idsOf(generation);
  if (isSameList(ids, goalOf(placement))) return unchanged(map);
  const back = isSameSet(ids, placement.replicas);
  const replicas = back ? ids : placement.replicas;
  const target = back ? [] : ids;
  const kept = new Set([...replicas, ...target]);
  const former = heldIds(placement)
    .filter((id) => !kept.has(id))
    .sort((a, b) => a - b);
  if (kept.size + former.length - replicas.length > clusterLimits.unsettledMax)
    return refused(`${nameOf(group)} has too many unsettled changes already`);
  return changed(map, withPlacement(map, group, { replicas, target, former, generation }));
}

export function settle(map: ClusterMap, command: Command<"settled">): MapOutcome {
  const { group, replicas: reported, generation } = command;
  const placement = placementOf(map, group);
  if (placement === undefined) return noGroup(group);
  const goal = goalOf(placement);
  if (generation !== placement.generation || !isSameSet(reported, goal))
    return refused(`${nameOf(group)} shall have other replicas by now`);
  if (placement.target.length === 0 && placement.former.length === 0) return unchanged(map);
  return changed(map, withPlacement(map, group, { replicas: goal, target: [], former: [], generation }));
}

function isSameList(some: readonly ReplicaId[], others: readonly ReplicaId[]): boolean {
  return some.length === others.length && some.every((id, i) => id === others[i]);
}
