import { type ClusterMap, goalOf, type Placement, seatOf } from "../../src/cluster/index.js";

/**
 * What of a cluster is not as it shall be in the end, by its map: something moves, is held by too few or by the wrong nodes, or
 * is not spread evenly. Empty when all is settled and balanced.
 */
export function unsettled(map: ClusterMap): string[] {
  const active = map.nodes.filter(({ state }) => state === "active").map(({ seat }) => seat);
  const partitions = map.partitions.flatMap((placement, i) =>
    unsettledPlacement(`partition ${i}`, placement, Math.min(map.replicationFactor, active.length), active),
  );
  const leaving = map.nodes.filter(({ state }) => state !== "active" && state !== "gone");
  return [
    ...leaving.map(({ id, state }) => `${id} is ${state}`),
    ...unsettledPlacement("the meta group", map.meta, metaVoters(active.length), active),
    ...partitions,
    ...uneven(map, active, "hold", ({ replicas }) => replicas.map(seatOf)),
    ...uneven(map, active, "lead", (placement) => goalOf(placement).slice(0, 1).map(seatOf)),
  ];
}

/** Five at most, and an odd number. */
function metaVoters(nodes: number): number {
  return Math.min(5, nodes - ((nodes + 1) % 2));
}

function unsettledPlacement(
  name: string,
  { replicas, target, former }: Placement,
  wanted: number,
  active: readonly number[],
): string[] {
  if (target.length > 0 || former.length > 0) return [`${name} is moving`];
  const seats = replicas.map(seatOf);
  if (seats.length !== wanted) return [`${name} has ${seats.length} of ${wanted} replicas`];
  return seats.every((seat) => active.includes(seat)) ? [] : [`${name} is held by a node that is not active`];
}

function uneven(
  map: ClusterMap,
  active: readonly number[],
  what: string,
  seatsOf: (placement: Placement) => readonly number[],
): string[] {
  const all = map.partitions.flatMap(seatsOf);
  const counts = active.map((seat) => all.filter((other) => other === seat).length);
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  return most - least <= 1 ? [] : [`nodes ${what} from ${least} to ${most} partitions`];
}
