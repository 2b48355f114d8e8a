import { goalOf } from "./holding.js";
import { metaGroup } from "./limits.js";
import { isActive, nodeAt } from "./node-states.js";
import { seatOf } from "./replica-id.js";
import { at, isUsable, type Survey, wantedCount } from "./survey.js";
import type { Placement, Seat } from "./types.js";

/** True when a target will not be reached as it is: one of its nodes goes, or is to be given a copy and is not there. */
export function isTargetBroken(of: Survey, placement: Placement): boolean {
  return placement.target.map(seatOf).some((seat) => isBroken(of, placement, seat));
}

/** A node that should not hold the group, or that cannot begin to. One that holds it and is away is expected back. */
function isBroken({ map, alive }: Survey, { replicas }: Placement, seat: Seat): boolean {
  return !isActive(map, seat) || (!alive.has(seat) && !replicas.some((id) => seatOf(id) === seat));
}

/**
 * Who should hold a group, the fewest changes from who shall now: what is too much goes, broken ones first; others take the
 * place of the broken ones that are left, in the list too, since its order says who should lead; what is missing comes last.
 * As far as there are nodes: what cannot be helped now stays as it is.
 */
export function repairedSeats(of: Survey, group: number, placement: Placement): Seat[] {
  const wanted = wantedCount(of, group);
  const seats = shrunk(of, placement, goalOf(placement).map(seatOf), wanted);
  for (const [i, seat] of seats.entries()) {
    if (!isBroken(of, placement, seat)) continue;
    const substitute = substituteFor(of, placement, seat, seats);
    if (substitute !== undefined) seats[i] = substitute;
  }
  const fresh = of.usable.filter((seat) => !seats.includes(seat)).slice(0, Math.max(0, wanted - seats.length));
  // An even number of voters survives no more failures than one fewer, and needs one more of them to agree.
  if (group === metaGroup && (seats.length + fresh.length) % 2 === 0) fresh.pop();
  return [...seats, ...fresh];
}

function shrunk(of: Survey, placement: Placement, seats: Seat[], wanted: number): Seat[] {
  const rest = [...seats];
  while (rest.length > wanted) {
    const broken = rest.filter((seat) => isBroken(of, placement, seat));
    const absent = broken.filter((seat) => !of.alive.has(seat));
    rest.splice(rest.indexOf(mostLoaded(of, [absent, broken, rest].find((some) => some.length > 0) as Seat[])), 1);
  }
  return rest;
}

/** The last of those with the greatest load. */
function mostLoaded({ loads }: Survey, seats: readonly Seat[]): Seat {
  return seats.reduce((most, seat) => (at(loads, seat) >= at(loads, most) ? seat : most));
}

/** Whoever has a copy, else whom the operator named, else whoever holds least. */
function substituteFor(of: Survey, placement: Placement, seat: Seat, seats: readonly Seat[]): Seat | undefined {
  const isFree = (other: Seat): boolean => isUsable(of, other) && !seats.includes(other);
  const successor = nodeAt(of.map, seat)?.successor ?? 0;
  return (
    placement.replicas.map(seatOf).find(isFree) ??
    (isFree(successor) ? successor : of.usable.find((other) => !seats.includes(other)))
  );
}
