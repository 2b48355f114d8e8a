import { metaVotersFor } from "./founding.js";
import { goalOf } from "./holding.js";
import { metaGroup } from "./limits.js";
import { isActive } from "./node-states.js";
import { seatOf } from "./replica-id.js";
import type { ClusterMap, Placement, Seat } from "./types.js";

/** A map as the planner sees it. Partitions alone count as load: the meta group is small, and is placed for itself. */
export interface Survey {
  readonly map: ClusterMap;
  readonly alive: ReadonlySet<Seat>;
  /** Ascending. */
  readonly active: readonly Seat[];
  /** Active and alive: they can be given something. By load, then by seat. */
  readonly usable: readonly Seat[];
  /** By seat: how many partitions it shall hold. */
  readonly loads: Uint32Array;
  /** By seat: how many partitions it should lead. */
  readonly leads: Uint32Array;
}

export function survey(map: ClusterMap, alive: ReadonlySet<Seat>): Survey {
  const loads = new Uint32Array(map.nodes.length + 1);
  const leads = new Uint32Array(map.nodes.length + 1);
  for (const placement of map.partitions) {
    const seats = goalOf(placement).map(seatOf);
    for (const seat of seats) count(loads, seat);
    count(leads, seats[0] as Seat);
  }
  const active = map.nodes.filter(({ state }) => state === "active").map(({ seat }) => seat);
  const usable = active.filter((seat) => alive.has(seat)).sort((a, b) => at(loads, a) - at(loads, b) || a - b);
  return { map, alive, active, usable, loads, leads };
}

function count(counts: Uint32Array, seat: Seat): void {
  counts[seat] = at(counts, seat) + 1;
}

/** The count of a seat of the map. */
export function at(counts: Uint32Array, seat: Seat): number {
  return counts[seat] as number;
}

export function isUsable({ map, alive }: Survey, seat: Seat): boolean {
  return isActive(map, seat) && alive.has(seat);
}

/** Replicas that a group should have, as far as there are nodes. */
export function wantedCount({ map, active }: Survey, group: number): number {
  return group === metaGroup ? metaVotersFor(active.length) : Math.min(map.replicationFactor, active.length);
}

/** Nothing of it is under way. */
export function isIdle(placement: Placement): boolean {
  return placement.target.length === 0 && placement.former.length === 0;
}

/** True when a group can change its configuration: a majority of it is there. */
export function hasMajority({ alive }: Survey, { replicas }: Placement): boolean {
  return replicas.filter((id) => alive.has(seatOf(id))).length * 2 > replicas.length;
}

/** True when a move may begin: it must not add to a failure that may pass by itself. */
export function isFitToMove(of: Survey, placement: Placement): boolean {
  if (!hasMajority(of, placement)) return false;
  return placement.replicas.map(seatOf).every((seat) => !isActive(of.map, seat) || of.alive.has(seat));
}

/** True when what the group has settled on is not what it should have. */
export function needsRepair(of: Survey, group: number, { replicas }: Placement): boolean {
  if (replicas.length !== wantedCount(of, group)) return true;
  return !replicas.map(seatOf).every((seat) => isActive(of.map, seat));
}

/** How many nodes hold a copy of what a group has settled on, and are there. */
export function copiesAlive({ alive }: Survey, { replicas }: Placement): number {
  return replicas.filter((id) => alive.has(seatOf(id))).length;
}
