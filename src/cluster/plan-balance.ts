import { goalOf } from "./holding.js";
import { seatOf } from "./replica-id.js";
import { at, isFitToMove, isIdle, needsRepair, type Survey } from "./survey.js";
import type { Seat } from "./types.js";

export interface Move {
  readonly group: number;
  readonly seats: readonly Seat[];
}

interface Candidate extends Move {
  readonly to: Seat;
  /** Of two that go to equally loaded nodes, the one that evens out the leaderships too. */
  readonly fits: boolean;
}

/**
 * One replica from a node that holds much to one that holds at least two fewer; undefined when all hold the same but for one,
 * or nothing can move now. Always from the most to the least: not one move more than there is too much.
 */
export function moveToBalance(of: Survey): Move | undefined {
  const { active, usable, loads } = of;
  const least = usable[0];
  if (least === undefined) return undefined;
  const full = active.filter((seat) => at(loads, seat) >= at(loads, least) + 2);
  full.sort((a, b) => at(loads, b) - at(loads, a) || a - b);
  for (const from of full) {
    const best = bestMoveFrom(of, from);
    if (best !== undefined) return best;
  }
  return undefined;
}

function bestMoveFrom(of: Survey, from: Seat): Candidate | undefined {
  const { map, usable, loads, leads } = of;
  let best: Candidate | undefined;
  for (const [group, placement] of map.partitions.entries()) {
    const seats = goalOf(placement).map(seatOf);
    if (!seats.includes(from) || !isIdle(placement)) continue;
    if (needsRepair(of, group, placement) || !isFitToMove(of, placement)) continue;
    const to = usable.find((seat) => !seats.includes(seat));
    if (to === undefined || at(loads, from) - at(loads, to) < 2) continue;
    const fits = at(leads, from) - at(leads, to) >= 2 === (seats[0] === from);
    const closer = best === undefined ? Infinity : at(loads, best.to) - at(loads, to);
    if (closer < 0 || (closer === 0 && (best?.fits === true || !fits))) continue;
    best = { group, seats: seats.map((seat) => (seat === from ? to : seat)), to, fits };
  }
  return best;
}
