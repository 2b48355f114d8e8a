import { type ClusterMap, planMoves, type Seat, seatOf } from "../../src/cluster/index.js";
import { applied, held, movingGroups, settled } from "./maps.js";

export interface Moves {
  /** When there is nothing left to do. */
  readonly map: ClusterMap;
  /** Changes of who holds a group, copies that were made for them, and changes of only who leads. */
  readonly places: number;
  readonly copies: number;
  readonly reorders: number;
}

/** Plans and lets every group get to its target, again and again, until the planner is content. */
export function simulateMoves(
  start: ClusterMap,
  { alive, movesMax = 100 }: { alive?: ReadonlySet<Seat>; movesMax?: number } = {},
): Moves {
  let map = start;
  const counts = { places: 0, copies: 0, reorders: 0 };
  const view = { alive: alive ?? new Set(map.nodes.map(({ seat }) => seat)), movesMax };
  // Nothing takes longer than to move every replica once and to give every leadership to each node in turn.
  const roundsMax = 50 + map.partitionCount * (7 + map.nodes.length);
  for (let round = 0; round < roundsMax; round++) {
    const commands = planMoves(map, view);
    if (commands.length === 0 && movingGroups(map).length === 0) return { map, ...counts };
    for (const command of commands) {
      map = applied(map, command);
      if (command.op !== "place") continue;
      const { replicas, target } = held(map, command.group);
      if (target.length === 0) counts.reorders++;
      else counts.places++;
      const seats = new Set(replicas.map(seatOf));
      counts.copies += target.filter((id) => !seats.has(seatOf(id))).length;
    }
    for (const group of movingGroups(map)) map = settled(map, group);
  }
  throw new Error("the planner finds no end");
}
