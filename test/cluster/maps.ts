import {
  applyCommand,
  type ClusterMap,
  foundingMap,
  goalOf,
  type MapCommand,
  metaGroup,
  type Placement,
  placementOf,
  seatOf,
} from "../../src/cluster/index.js";

/** A cluster of nodes n1, n2 ... */
export function found(nodes: number, partitionCount = 6, replicationFactor = Math.min(3, nodes)): ClusterMap {
  const members = Array.from({ length: nodes }, (_, i) => ({ id: `n${i + 1}`, address: `host${i + 1}:7000` }));
  return foundingMap({ members, partitionCount, replicationFactor });
}

/** An incarnation that is like no other number's. */
export function incarnation(number: number): string {
  return number.toString(16).padStart(16, "0");
}

/** The map after commands that are not refused. */
export function applied(map: ClusterMap, ...commands: MapCommand[]): ClusterMap {
  return commands.reduce((before, command) => {
    const outcome = applyCommand(before, command);
    if ("refused" in outcome) throw new Error(`${JSON.stringify(command)} was refused: ${outcome.refused}`);
    return outcome.map;
  }, map);
}

/** Why a command is refused. */
export function refusal(map: ClusterMap, command: MapCommand): string {
  const outcome = applyCommand(map, command);
  if (!("refused" in outcome)) throw new Error(`${JSON.stringify(command)} was not refused`);
  return outcome.refused;
}

export function isUnchanged(map: ClusterMap, command: MapCommand): boolean {
  const outcome = applyCommand(map, command);
  return "map" in outcome && !outcome.changed && outcome.map === map;
}

/** Nodes n<from> to n<to> join, on the next seats. */
export function grown(map: ClusterMap, from: number, to: number): ClusterMap {
  let next = map;
  for (let i = from; i <= to; i++)
    next = applied(next, { op: "add-node", id: `n${i}`, incarnation: incarnation(i), address: `host${i}:7000` });
  return next;
}

export function place(map: ClusterMap, group: number, seats: readonly number[]): MapCommand {
  return { op: "place", group, seats, decidedOn: map.version };
}

export function placed(map: ClusterMap, group: number, ...seats: number[]): ClusterMap {
  return applied(map, place(map, group, seats));
}

export function wanted(
  seat: number,
  state: "active" | "draining" | "leaving" | "lost",
  successor = 0,
): MapCommand & { op: "set-node-state" } {
  return { op: "set-node-state", seat, state, successor };
}

/** What the leader of a group says when it has come to where it shall be. */
export function settledReport(map: ClusterMap, group: number): MapCommand & { op: "settled" } {
  const placement = held(map, group);
  return { op: "settled", group, replicas: goalOf(placement), generation: placement.generation };
}

export function settled(map: ClusterMap, group: number): ClusterMap {
  return applied(map, settledReport(map, group));
}

export function held(map: ClusterMap, group: number): Placement {
  const placement = placementOf(map, group);
  if (placement === undefined) throw new Error(`no group ${group}`);
  return placement;
}

export function goalSeats(map: ClusterMap, group: number): number[] {
  return goalOf(held(map, group)).map(seatOf);
}

export function groupsOf(map: ClusterMap): number[] {
  return [...map.partitions.keys(), metaGroup];
}

export function movingGroups(map: ClusterMap): number[] {
  return groupsOf(map).filter((group) => held(map, group).target.length > 0);
}

export function statesOf(map: ClusterMap): string[] {
  return map.nodes.map(({ state }) => state);
}

/** How many partitions each seat of `seats` shall hold. */
export function loadsOf(map: ClusterMap, seats: Iterable<number>): number[] {
  const all = map.partitions.flatMap((_, group) => goalSeats(map, group));
  return [...seats].map((seat) => all.filter((other) => other === seat).length);
}

/** How many partitions each seat of `seats` should lead. */
export function leadsOf(map: ClusterMap, seats: Iterable<number>): number[] {
  const leaders = map.partitions.map((_, group) => goalSeats(map, group)[0]);
  return [...seats].map((seat) => leaders.filter((other) => other === seat).length);
}

export function activeSeats(map: ClusterMap): number[] {
  return map.nodes.filter(({ state }) => state === "active").map(({ seat }) => seat);
}

export function spread(counts: readonly number[]): number {
  return Math.max(...counts) - Math.min(...counts);
}
