import type { ReplicaDescription } from "../../admin/index.js";
import { type ClusterMap, goalOf, metaGroup, type NodeId, placementOf, type ReplicaId } from "../../cluster/index.js";
import { nodeNameOf } from "./names.js";
import type { ClusterSurvey } from "./survey.js";

/**
 * `leaderless`: nobody serves it. `moving`: it is not yet held by whom it shall be held. `behind`: a replica does not follow.
 * `short`: it has fewer copies than it should have and could have.
 */
export type GroupTrouble = "leaderless" | "moving" | "behind" | "short";

/** A partition, or the meta group, as its leader sees it. */
export interface GroupState {
  readonly group: number;
  /** Names of nodes here and below. */
  readonly leader: NodeId | undefined;
  /** 0: unknown, as nobody leads. */
  readonly term: number;
  readonly replicas: readonly NodeId[];
  /** Empty: no change. */
  readonly target: readonly NodeId[];
  readonly learners: readonly NodeId[];
  /** Entries that the slowest of its replicas has yet to get; undefined: nobody leads. */
  readonly lag: number | undefined;
  /** What is not as it should be, and in words; empty when all is well. */
  readonly troubles: ReadonlyMap<GroupTrouble, string>;
}

/** The partitions in their order, then the meta group. */
export function groupStates(survey: ClusterSurvey): GroupState[] {
  const leaders = leadersOf(survey);
  const groups = [...survey.map.partitions.keys(), metaGroup];
  return groups.map((group) => stateOf(survey.map, group, leaders.get(group)));
}

/** By group, the report of the replica that leads it. One that was deposed and does not know it yet is of an older term. */
function leadersOf({ answers }: ClusterSurvey): Map<number, ReplicaDescription> {
  const leaders = new Map<number, ReplicaDescription>();
  for (const { description } of answers)
    for (const replica of description?.replicas ?? []) {
      const other = leaders.get(replica.group);
      if (replica.role === "leader" && replica.term > (other?.term ?? -1)) leaders.set(replica.group, replica);
    }
  return leaders;
}

function stateOf(map: ClusterMap, group: number, leader: ReplicaDescription | undefined): GroupState {
  const { replicas = [], target = [] } = placementOf(map, group) ?? {};
  const nameOf = (id: ReplicaId): NodeId => nodeNameOf(map, id);
  const peers = leader?.peers.filter(({ replica }) => replica !== leader.replica) ?? [];
  return {
    group,
    leader: leader === undefined ? undefined : nameOf(leader.replica),
    term: leader?.term ?? 0,
    replicas: replicas.map(nameOf),
    target: target.map(nameOf),
    learners: leader?.learners.map(nameOf) ?? [],
    lag: leader === undefined ? undefined : Math.max(0, ...peers.map(({ match }) => leader.lastIndex - match)),
    troubles: troublesOf(map, group, leader),
  };
}

function troublesOf(
  map: ClusterMap,
  group: number,
  leader: ReplicaDescription | undefined,
): ReadonlyMap<GroupTrouble, string> {
  const placement = placementOf(map, group) ?? { replicas: [], target: [], former: [], generation: 0 };
  const goal = goalOf(placement);
  const troubles = new Map<GroupTrouble, string>();
  if (leader === undefined) troubles.set("leaderless", "no leader");
  const isOnTheWay = leader !== undefined && !isSettledOn(leader, goal);
  if (placement.target.length > 0 || placement.former.length > 0 || isOnTheWay) troubles.set("moving", "moving");
  // Who is still to become a voter is behind as a matter of course.
  const lame = (leader?.peers ?? []).filter(({ replica, state, recentlyActive }) => {
    const counts = leader?.replica !== replica && leader?.voters.includes(replica) === true;
    return counts && (state !== "replicate" || !recentlyActive);
  });
  if (lame.length > 0) {
    const names = lame.map(({ replica, recentlyActive, state }) => {
      const how = !recentlyActive
        ? "does not answer"
        : state === "snapshot"
          ? "gets a snapshot"
          : "does not follow yet";
      return `${nodeNameOf(map, replica)} ${how}`;
    });
    troubles.set("behind", names.join(", "));
  }
  const wanted = wantedCopies(map);
  if (group !== metaGroup && goal.length < wanted) troubles.set("short", `${goal.length} of ${wanted} copies`);
  return troubles;
}

/** True when the group's configuration is what the map wants, and nothing else. */
function isSettledOn({ voters, outgoing, learners }: ReplicaDescription, goal: readonly ReplicaId[]): boolean {
  const isSame = voters.length === goal.length && goal.every((id) => voters.includes(id));
  return isSame && outgoing.length === 0 && learners.length === 0;
}

/** Copies of each partition, as far as there are nodes. */
export function wantedCopies(map: ClusterMap): number {
  return Math.min(map.replicationFactor, map.nodes.filter(({ state }) => state === "active").length);
}
