import { heldBy, metaGroup } from "../../cluster/index.js";
import { nodeSchema } from "../../config/index.js";
import type { GroupState, GroupTrouble } from "./group-state.js";
import { isMember } from "./names.js";
import type { ClusterSurvey, NodeAnswer } from "./survey.js";
import { counted } from "./table.js";

/** Named of one kind; the others are counted. */
const TOLD_MAX = 5;
const CLOCK_SKEW_MAX_MS = nodeSchema.settings.clockSkewMaxMs.fallback ?? Infinity;

/** What is wrong with a cluster, the worst first; empty when it is healthy: everything is where it shall be, and works. */
export function problemsOf(survey: ClusterSurvey, groups: readonly GroupState[]): string[] {
  const having = (trouble: GroupTrouble, one: string, many: string): string[] => {
    const found = groups.filter(({ troubles }) => troubles.has(trouble));
    return found.length === 0 ? [] : [predicated(found, one, many)];
  };
  return [
    ...having("leaderless", "has no leader", "have no leader"),
    ...bounded(survey.answers.filter(({ description }) => description === undefined).map(absence), "nodes are down"),
    ...having("short", "has too few copies", "have too few copies"),
    ...copies(survey),
    ...having("behind", "has replicas that do not follow", "have replicas that do not follow"),
    ...bounded(clocks(survey.answers), "clocks are off"),
    ...bounded(partings(survey.answers), "pairs of nodes are not connected"),
    ...bounded(departures(survey), "nodes are on their way out"),
    ...having("moving", "is moving", "are moving"),
  ];
}

/** "partition 3 is moving", "the meta group and 7 partitions are moving". */
function predicated(groups: readonly GroupState[], one: string, many: string): string {
  const partitions = groups.filter(({ group }) => group !== metaGroup).map(({ group }) => group);
  const parts = groups.length > partitions.length ? ["the meta group"] : [];
  if (partitions.length > TOLD_MAX) parts.push(`${partitions.length} partitions`);
  else if (partitions.length > 0) parts.push(`partition${partitions.length === 1 ? "" : "s"} ${partitions.join(", ")}`);
  return `${parts.join(" and ")} ${groups.length === 1 ? one : many}`;
}

function bounded(problems: readonly string[], many: string): string[] {
  return problems.length > TOLD_MAX ? [`${problems.length} ${many}`] : [...problems];
}

function absence({ node, trouble, isStranger }: NodeAnswer): string {
  return isStranger ? `${node.id} is not to be found: ${trouble}` : `${node.id} is down`;
}

function copies({ map }: ClusterSurvey): string[] {
  const active = map.nodes.filter(({ state }) => state === "active").length;
  if (active >= map.replicationFactor) return [];
  return [`there are ${counted(active, "active node")} for ${counted(map.replicationFactor, "copy", "copies")}`];
}

function clocks(answers: readonly NodeAnswer[]): string[] {
  return answers.flatMap(({ node, description }) => {
    const aheadMs = description?.clockAheadMs ?? 0;
    if (Math.abs(aheadMs) <= CLOCK_SKEW_MAX_MS) return [];
    return [`the clock of ${node.id} is ${Math.abs(aheadMs)} ms ${aheadMs > 0 ? "fast" : "slow"}`];
  });
}

/** Nodes that answer us and do not hear each other. */
function partings(answers: readonly NodeAnswer[]): string[] {
  return answers.flatMap(({ node, description }, i) =>
    answers.slice(i + 1).flatMap((other) => {
      if (description === undefined || other.description === undefined) return [];
      const hears = description.connectedNodeIds.includes(other.node.id);
      const isHeard = other.description.connectedNodeIds.includes(node.id);
      return hears || isHeard ? [] : [`${node.id} and ${other.node.id} are not connected`];
    }),
  );
}

/** A drained node that holds nothing is as it shall be. */
function departures({ map }: ClusterSurvey): string[] {
  return map.nodes.flatMap((node) => {
    if (node.state === "active" || node.state === "gone") return [];
    const held = heldBy(map, node.seat).length;
    if (held === 0 && isMember(node)) return [];
    const left = counted(held, "replica");
    if (node.state === "lost") return [`${node.id} lost its disk, and ${left} of it must be made again`];
    return [`${node.id} is ${node.state}, and ${left} of it must move`];
  });
}
