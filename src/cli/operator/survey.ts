import { AdminError, type ClusterAdmin, type NodeDescription } from "../../admin/index.js";
import type { ClusterMap, ClusterNode } from "../../cluster/index.js";
import { isMember } from "./names.js";

/** Nodes that are asked at once: each is a connection of its own. */
const ASKED_AT_ONCE_MAX = 32;

export interface NodeAnswer {
  readonly node: ClusterNode;
  /** What it says; undefined when it does not answer, or when somebody else answers at its address. */
  readonly description: NodeDescription | undefined;
  /** Why there is no description: a sentence; else empty. */
  readonly trouble: string;
  /** Somebody does answer at its address, who is not it or not to be spoken to. */
  readonly isStranger: boolean;
}

/** A cluster as all its nodes see it. */
export interface ClusterSurvey {
  readonly clusterId: string;
  /** The newest that any node has. */
  readonly map: ClusterMap;
  /** Of every member, by seat. */
  readonly answers: readonly NodeAnswer[];
}

export type Describer = Pick<ClusterAdmin, "describe">;

/** Asks one node for the map and then every member for its own view. @throws AdminError when not even one answers */
export async function surveyCluster(admin: Describer): Promise<ClusterSurvey> {
  const first = await admin.describe();
  const asked = await askAll(admin, first.map);
  const map = newestMap(first, asked);
  // Somebody knew of later changes: nodes that joined or moved are asked, too.
  const answers = map === first.map ? asked : await askAll(admin, map, asked);
  return { clusterId: first.clusterId, map, answers };
}

async function askAll(admin: Describer, map: ClusterMap, known: readonly NodeAnswer[] = []): Promise<NodeAnswer[]> {
  const members = map.nodes.filter(isMember);
  const answers: NodeAnswer[] = [];
  for (let at = 0; at < members.length; at += ASKED_AT_ONCE_MAX) {
    const batch = members.slice(at, at + ASKED_AT_ONCE_MAX).map(async (node): Promise<NodeAnswer> => {
      const before = known.find((answer) => answer.node.seat === node.seat && answer.node.address === node.address);
      return before === undefined ? askNode(admin, node) : { ...before, node };
    });
    answers.push(...(await Promise.all(batch)));
  }
  return answers;
}

async function askNode(admin: Describer, node: ClusterNode): Promise<NodeAnswer> {
  try {
    const description = await admin.describe(node.address);
    if (description.nodeId === node.id) return { node, description, trouble: "", isStranger: false };
    const trouble = `node ${description.nodeId} answers at its address`;
    return { node, description: undefined, trouble, isStranger: true };
  } catch (error) {
    if (!(error instanceof AdminError)) throw error;
    return { node, description: undefined, trouble: error.message, isStranger: error.kind === "refused" };
  }
}

function newestMap(first: NodeDescription, answers: readonly NodeAnswer[]): ClusterMap {
  let newest = first.map;
  for (const { description } of answers)
    if (description !== undefined && description.map.version > newest.version) newest = description.map;
  return newest;
}
