import { type ClusterMap, goalOf, type MapCommand, planMoves, type Seat, seatOf } from "../../src/cluster/index.js";
import { applied, groupsOf, held, incarnation, place, settledReport, wanted } from "./maps.js";
import { applyCommand } from "../../src/cluster/index.js";

/** What happens to a cluster: a kind, and numbers that are reduced to what is there. */
export interface Act {
  readonly kind: number;
  readonly a: number;
  readonly b: number;
}

export const ACT_KINDS = 16;

/**
 * A cluster whose nodes come, go, fail and return while its planner is at work. Groups do what they are told as soon as they
 * can: with a majority of what they have and of what they shall have, once every newcomer is there. No group ever loses a
 * majority for good: nothing could help it.
 */
export class PlannedWorld {
  map: ClusterMap;
  /** Nodes that are away. */
  readonly #away = new Set<Seat>();
  #joined = 1_000;

  constructor(map: ClusterMap) {
    this.map = map;
  }

  get alive(): Set<Seat> {
    const members = this.map.nodes.filter(({ state }) => state !== "lost" && state !== "gone");
    return new Set(members.map(({ seat }) => seat).filter((seat) => !this.#away.has(seat)));
  }

  act({ kind, a, b }: Act): void {
    const seat = 1 + (a % this.map.nodes.length);
    const groups = groupsOf(this.map);
    const group = groups[b % groups.length]!;
    if (kind <= 1) this.#join(`j${this.#joined}`);
    else if (kind === 2) this.#try(wanted(seat, "draining", b % 3 === 0 ? b % this.map.nodes.length : 0));
    else if (kind === 3) this.#try(wanted(seat, "leaving"));
    else if (kind === 4) this.#try(wanted(seat, "active"));
    else if (kind === 5 && this.#canLose(seat)) this.#try(wanted(seat, "lost"));
    else if (kind === 6 && this.#canLose(seat)) this.#join(this.map.nodes[seat - 1]!.id);
    else if (kind === 7 || kind === 8) this.#away.add(seat);
    else if (kind === 9) this.#away.delete(seat);
    else if (kind === 10) this.#try({ op: "set-replication-factor", replicationFactor: 1 + (a % 5) });
    else if (kind === 11) this.#try(place(this.map, group, [...new Set([seat, 1 + (b % this.map.nodes.length)])]));
    else if (kind === 12) this.#replace(group, a);
    else if (kind === 13) this.settle(a);
    else this.plan(1 + (a % 4));
  }

  /** Every node that is to come back does. */
  heal(): void {
    this.#away.clear();
  }

  /** Lets groups that can get to where they shall be: all of them, or every `nth`. */
  settle(nth = 1): void {
    for (const [i, group] of groupsOf(this.map).entries())
      if (i % Math.max(1, nth % 4) === 0 && this.#canSettle(group))
        this.map = applied(this.map, settledReport(this.map, group));
  }

  /** Does what the planner says, and throws when that is not safe. How many commands there were. */
  plan(movesMax: number): number {
    const { alive } = this;
    const commands = planMoves(this.map, { alive, movesMax });
    if (commands.length > movesMax) throw new Error(`${commands.length} commands for ${movesMax} moves`);
    for (const command of commands) this.#follow(command, alive, movesMax);
    return commands.length;
  }

  #follow(command: MapCommand, alive: ReadonlySet<Seat>, movesMax: number): void {
    if (command.op !== "place") throw new Error(`the planner says ${command.op}`);
    const before = held(this.map, command.group);
    const old = before.replicas.map(seatOf);
    const aim = before.target.map(seatOf);
    const movingBefore = this.#moving(alive);
    this.map = applied(this.map, command);
    const seats = goalOf(held(this.map, command.group)).map(seatOf);
    const isActive = (seat: Seat): boolean => this.map.nodes[seat - 1]!.state === "active";
    const count = (some: readonly Seat[]): number => some.filter((seat) => alive.has(seat)).length;
    // Who leads may change while others are away.
    if (held(this.map, command.group).target.length === 0 && aim.length === 0) return;
    const wrong =
      (count(old) * 2 <= old.length && "a majority is away") ||
      (old.some((seat) => isActive(seat) && !alive.has(seat)) && "a node is away that should stay") ||
      (!seats.every((seat) => [...old, ...aim].includes(seat) || (isActive(seat) && alive.has(seat))) &&
        "a newcomer cannot come") ||
      (count(seats) < Math.min(count(old), aim.length > 0 ? count(aim) : Infinity, seats.length) &&
        "fewer healthy replicas than before") ||
      (this.#moving(alive) > Math.max(movingBefore, movesMax) && "too many move");
    if (wrong !== false) throw new Error(`${JSON.stringify(command)}: ${wrong}`);
  }

  /** Groups that can get to where they shall be. */
  #moving(alive: ReadonlySet<Seat>): number {
    return groupsOf(this.map).filter((group) => {
      const { replicas, target } = held(this.map, group);
      const old = replicas.map(seatOf);
      const canCome = (seat: Seat): boolean =>
        this.map.nodes[seat - 1]!.state === "active" && (alive.has(seat) || old.includes(seat));
      const hasMajority = old.filter((seat) => alive.has(seat)).length * 2 > old.length;
      return target.length > 0 && hasMajority && target.map(seatOf).every(canCome);
    }).length;
  }

  #canSettle(group: number): boolean {
    const { replicas, target, former } = held(this.map, group);
    if (target.length === 0 && former.length === 0) return false;
    const { alive } = this;
    const goal = goalOf(held(this.map, group));
    const isThere = (id: number): boolean => alive.has(seatOf(id));
    const hasMajority = (ids: readonly number[]): boolean => ids.filter(isThere).length * 2 > ids.length;
    const newcomers = goal.filter((id) => !replicas.includes(id));
    return hasMajority(replicas) && hasMajority(goal) && newcomers.every(isThere);
  }

  /** True when every group keeps a majority of what it has on nodes that are not lost. */
  #canLose(seat: Seat): boolean {
    // To lose one that is no member is to lose whoever has its name now.
    if (["lost", "gone"].includes(this.map.nodes[seat - 1]!.state)) return false;
    return groupsOf(this.map).every((group) => {
      const { replicas } = held(this.map, group);
      const kept = replicas.map(seatOf).filter((one) => one !== seat && this.map.nodes[one - 1]!.state !== "lost");
      return kept.length * 2 > replicas.length;
    });
  }

  #replace(group: number, at: number): void {
    const goal = goalOf(held(this.map, group));
    this.#try({ op: "replace-replica", group, replica: goal[at % goal.length]! });
  }

  #join(id: string): void {
    const number = this.#joined++;
    this.#try({ op: "add-node", id, incarnation: incarnation(number), address: `host${number}:1` });
  }

  #try(command: MapCommand): void {
    const outcome = applyCommand(this.map, command);
    if ("map" in outcome) this.map = outcome.map;
  }
}
