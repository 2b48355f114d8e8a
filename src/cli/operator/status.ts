import { heldBy, metaGroup } from "../../cluster/index.js";
import { ExitCode } from "../exit-code.js";
import { type GroupState, groupStates } from "./group-state.js";
import { problemsOf } from "./health.js";
import { groupName } from "./names.js";
import type { OperatorContext } from "./session.js";
import { type ClusterSurvey, type NodeAnswer, surveyCluster } from "./survey.js";
import { bytesText, type Column, counted, table } from "./table.js";

/** A status is healthy or not; a list of partitions is only a list. */
export async function showStatus(context: OperatorContext, options: { readonly all: boolean }): Promise<ExitCode> {
  const { admin, terminal, config } = context;
  const survey = await surveyCluster(admin);
  const groups = groupStates(survey);
  const problems = problemsOf(survey, groups);
  const lines = config.json
    ? [JSON.stringify(document(survey, groups, problems), undefined, 2)]
    : text(survey, groups, problems, options.all);
  for (const line of lines) terminal.say(line);
  return problems.length === 0 ? ExitCode.ok : ExitCode.failed;
}

export async function listPartitions({ admin, terminal, config }: OperatorContext): Promise<ExitCode> {
  const groups = groupStates(await surveyCluster(admin));
  const lines = config.json ? [JSON.stringify(groups.map(groupDocument), undefined, 2)] : groupTable(groups);
  for (const line of lines) terminal.say(line);
  return ExitCode.ok;
}

function text(
  survey: ClusterSurvey,
  groups: readonly GroupState[],
  problems: readonly string[],
  all: boolean,
): string[] {
  const { clusterId, map } = survey;
  const shown = all ? groups : groups.filter(({ troubles }) => troubles.size > 0);
  return [
    `cluster ${clusterId}, version ${map.version} of its map`,
    `${counted(map.partitionCount, "partition")}, ${counted(map.replicationFactor, "copy", "copies")} of each, ` +
      `the meta group is led by ${metaLeader(groups) ?? "nobody"}`,
    "",
    ...nodeTable(survey, groups),
    "",
    ...(shown.length > 0 ? groupTable(shown) : ["all partitions are settled"]),
    "",
    problems.length === 0 ? "healthy" : `not healthy: ${problems.join("; ")}`,
  ];
}

function metaLeader(groups: readonly GroupState[]): string | undefined {
  return groups.find(({ group }) => group === metaGroup)?.leader;
}

const nodeColumns: readonly Column[] = [
  { title: "seat", isNumber: true },
  { title: "node" },
  { title: "address" },
  { title: "state" },
  { title: "is" },
  { title: "replicas", isNumber: true },
  { title: "leads", isNumber: true },
  { title: "messages", isNumber: true },
  { title: "clock ahead ms", isNumber: true },
];

/** Members, and those that lost their disk until what they held is made again. */
function nodeTable(survey: ClusterSurvey, groups: readonly GroupState[]): string[] {
  const rows = survey.map.nodes
    .filter(({ state }) => state !== "gone")
    .map((node) => {
      const answer = survey.answers.find((one) => one.node.seat === node.seat);
      const { description } = answer ?? {};
      return [
        String(node.seat),
        node.id,
        node.address,
        node.state,
        presence(answer),
        String(heldBy(survey.map, node.seat).length),
        answer === undefined ? "-" : String(groups.filter(({ leader }) => leader === node.id).length),
        description === undefined ? "-" : bytesText(description.bodyBytes),
        description === undefined ? "-" : String(description.clockAheadMs),
      ];
    });
  return table(nodeColumns, rows);
}

function presence(answer: NodeAnswer | undefined): string {
  if (answer === undefined) return "-";
  if (answer.description !== undefined) return "up";
  return answer.isStranger ? "another" : "down";
}

const groupColumns: readonly Column[] = [
  { title: "partition", isNumber: true },
  { title: "leader" },
  { title: "held by" },
  { title: "target" },
  { title: "learners" },
  { title: "lag", isNumber: true },
  { title: "is" },
];

function groupTable(groups: readonly GroupState[]): string[] {
  const names = (list: readonly string[]): string => (list.length === 0 ? "-" : list.join(","));
  const rows = groups.map(({ group, leader, replicas, target, learners, lag, troubles }) => [
    groupName(group),
    leader ?? "-",
    names(replicas),
    names(target),
    names(learners),
    lag === undefined ? "-" : String(lag),
    troubles.size === 0 ? "settled" : [...troubles.values()].join("; "),
  ]);
  return table(groupColumns, rows);
}

/** What `--json` prints. Keys are only ever added. */
function document(survey: ClusterSurvey, groups: readonly GroupState[], problems: readonly string[]): object {
  const { clusterId, map } = survey;
  const nodes = map.nodes
    .filter(({ state }) => state !== "gone")
    .map((node) => {
      const answer = survey.answers.find((one) => one.node.seat === node.seat);
      const { seat, id, address, state } = node;
      const { description } = answer ?? {};
      return {
        ...{ seat, id, address, state },
        isUp: description !== undefined,
        trouble: answer === undefined || answer.trouble === "" ? null : answer.trouble,
        replicas: heldBy(map, seat).length,
        leads: groups.filter(({ leader }) => leader === id && answer !== undefined).length,
        bodyBytes: description?.bodyBytes ?? null,
        clockAheadMs: description?.clockAheadMs ?? null,
        mapVersion: description?.map.version ?? null,
      };
    });
  return {
    clusterId,
    mapVersion: map.version,
    partitionCount: map.partitionCount,
    replicationFactor: map.replicationFactor,
    metaLeader: metaLeader(groups) ?? null,
    nodes,
    partitions: groups.map(groupDocument),
    isHealthy: problems.length === 0,
    problems,
  };
}

function groupDocument({ group, leader, lag, troubles, ...rest }: GroupState): object {
  return {
    ...rest,
    partition: group === metaGroup ? "meta" : group,
    leader: leader ?? null,
    lag: lag ?? null,
    isSettled: troubles.size === 0,
    troubles: Object.fromEntries(troubles),
  };
}
