import { applyCommand } from "./apply-command.js";
import { placementsOf } from "./holding.js";
import { metaGroup } from "./limits.js";
import { moveToBalance, type Move } from "./plan-balance.js";
import { leaderToBalance } from "./plan-leaders.js";
import { isTargetBroken, repairedSeats } from "./plan-repair.js";
import { copiesAlive, hasMajority, isFitToMove, needsRepair, type Survey, survey } from "./survey.js";
import type { ClusterMap, MapCommand, Placement, Seat } from "./types.js";

/** What the planner knows besides the map. */
export interface PlanView {
  /** Seats of the nodes that can be reached now, the own one too. */
  readonly alive: ReadonlySet<Seat>;
  /** Groups whose replicas change at once. Those that cannot go on, whoever of their nodes is away, do not count. */
  readonly movesMax: number;
}

/** A group and who holds it. */
type Held = readonly [group: number, placement: Placement];

interface Step {
  readonly command: MapCommand;
  readonly map: ClusterMap;
}

/**
 * What to change next about who holds what; each command is decided on the map that the ones before it make. Empty when all is
 * well, or nothing can be done now. In this order:
 * - a target that will not be reached is changed,
 * - groups on nodes that go, with too few replicas or too many, are repaired: the meta group, then those with the fewest copies,
 * - when nothing is left to repair, replicas are spread evenly,
 * - when nothing moves any more, leaderships are.
 *
 * A group begins to move only while every node that is to keep it is there, so that it never has fewer healthy replicas than
 * before. A node that is merely away keeps what it holds: only its operator knows whether it is lost.
 */
export function planMoves(map: ClusterMap, view: PlanView): MapCommand[] {
  const commands: MapCommand[] = [];
  const commandsMax = Math.max(0, view.movesMax);
  let step = nextStep(map, view);
  while (step !== undefined && commands.length < commandsMax) {
    commands.push(step.command);
    step = nextStep(step.map, view);
  }
  return commands;
}

function nextStep(map: ClusterMap, { alive, movesMax }: PlanView): Step | undefined {
  const of = survey(map, alive);
  const groups = [...placementsOf(map)];
  const targeted = groups.filter(([, placement]) => placement.target.length > 0);
  const moving = targeted.filter(([, placement]) => hasMajority(of, placement) && !isTargetBroken(of, placement));
  if (moving.length >= movesMax) return undefined;

  const broken = targeted.filter(([, placement]) => isFitToMove(of, placement) && isTargetBroken(of, placement));
  const repair = firstRepair(of, broken) ?? firstRepair(of, mostUrgent(of, groups));
  if (repair !== undefined || moving.some(([group, placement]) => needsRepair(of, group, placement))) return repair;
  const balanced = stepOf(map, moveToBalance(of));
  if (balanced !== undefined || moving.length > 0) return balanced;
  return stepOf(map, leaderToBalance(of));
}

/** Those that need repair and are fit for it. The meta group first: it is small, and without it nothing moves at all. */
function mostUrgent(of: Survey, groups: readonly Held[]): Held[] {
  const copies = ([group, placement]: Held): number => (group === metaGroup ? 0 : copiesAlive(of, placement));
  return groups
    .filter(([group, placement]) => placement.target.length === 0 && needsRepair(of, group, placement))
    .filter(([, placement]) => isFitToMove(of, placement))
    .sort((one, other) => copies(one) - copies(other) || one[0] - other[0]);
}

/** The first that can be helped now. */
function firstRepair(of: Survey, groups: readonly Held[]): Step | undefined {
  for (const [group, placement] of groups) {
    const step = stepOf(of.map, { group, seats: repairedSeats(of, group, placement) });
    if (step !== undefined) return step;
  }
  return undefined;
}

/** Undefined for a move that the map would not take, or that changes nothing. */
function stepOf(map: ClusterMap, move: Move | undefined): Step | undefined {
  if (move === undefined) return undefined;
  const command: MapCommand = { op: "place", group: move.group, seats: move.seats, decidedOn: map.version };
  const outcome = applyCommand(map, command);
  return "refused" in outcome || !outcome.changed ? undefined : { command, map: outcome.map };
}
