import { heldIds, placementsOf } from "./holding.js";
import { clusterLimits, metaGroup } from "./limits.js";
import { isMember } from "./node-states.js";
import { generationOf, seatOf } from "./replica-id.js";
import { isAddress, isIncarnation, isNodeId } from "./text-forms.js";
import type { ClusterMap, ClusterNode, Placement, ReplicaId } from "./types.js";

const within = (value: number, min: number, max: number): boolean =>
  Number.isSafeInteger(value) && value >= min && value <= max;

const distinct = (values: readonly unknown[]): boolean => new Set(values).size === values.length;

/** What is wrong with a map, whoever made it; undefined when it is sound. */
export function invalidMap(map: ClusterMap): string | undefined {
  const broken = invalidNumbers(map) ?? invalidNodes(map);
  if (broken !== undefined) return broken;
  for (const [group, placement] of placementsOf(map)) {
    const wrong = invalidPlacement(map, placement);
    if (wrong !== undefined) return `${group === metaGroup ? "meta group" : `partition ${group}`}: ${wrong}`;
  }
  return undefined;
}

function invalidNumbers(map: ClusterMap): string | undefined {
  if (!within(map.version, 1, clusterLimits.versionMax)) return "version out of range";
  if (!within(map.partitionCount, 1, clusterLimits.partitionsMax)) return "partition count out of range";
  if (map.partitions.length !== map.partitionCount) return "not as many placements as partitions";
  if (!within(map.founders, 1, Math.min(map.nodes.length, clusterLimits.nodesMax))) return "founders out of range";
  const most = Math.min(clusterLimits.votersMax, map.founders);
  if (!within(map.foundingReplicationFactor, 1, most)) return "founding replication factor out of range";
  if (!within(map.replicationFactor, 1, clusterLimits.votersMax)) return "replication factor out of range";
  return undefined;
}

function invalidNodes(map: ClusterMap): string | undefined {
  if (map.nodes.length > clusterLimits.rowsMax) return "too many nodes";
  for (const [i, node] of map.nodes.entries()) {
    const wrong = node.seat === i + 1 ? invalidNode(map, node) : "not on the seat of its place";
    if (wrong !== undefined) return `node on seat ${node.seat}: ${wrong}`;
  }
  const members = map.nodes.filter(isMember);
  if (!members.some(({ state }) => state === "active")) return "no active node";
  if (!distinct(members.map(({ id }) => id))) return "two nodes of one name";
  if (!distinct(members.map(({ address }) => address))) return "two nodes of one address";
  const met = map.nodes.map(({ incarnation }) => incarnation).filter((incarnation) => incarnation !== "");
  if (!distinct(met)) return "two nodes of one incarnation";
  if (members.length > clusterLimits.nodesMax) return "too many nodes";
  return undefined;
}

function invalidNode(map: ClusterMap, node: ClusterNode): string | undefined {
  if (!isNodeId(node.id)) return "not a node id";
  if (!isAddress(node.address)) return "not an address";
  if (node.incarnation === "" ? node.seat > map.founders : !isIncarnation(node.incarnation))
    return "not an incarnation";
  if (!within(node.successor, 0, map.nodes.length) || node.successor === node.seat) return "not a successor";
  if (node.successor !== 0 && (node.state === "active" || node.state === "gone")) return "a successor of nothing";
  return undefined;
}

function invalidPlacement(map: ClusterMap, placement: Placement): string | undefined {
  const { replicas, target, former, generation } = placement;
  if (!within(generation, 0, clusterLimits.generationMax)) return "generation out of range";
  if (replicas.length < 1 || !areVoters(replicas)) return "not the voters of a group";
  if (!areVoters(target) || isSameSet(replicas, target)) return "not a target";
  const held = heldIds(placement);
  if (!held.every((id) => isKnown(map, id, generation))) return "an unknown replica";
  if (former.some((id) => replicas.includes(id) || target.includes(id)))
    return "a former replica that is a current one";
  if (held.length - replicas.length > clusterLimits.unsettledMax) return "too many unsettled replicas";
  if (former.some((id, i) => id <= (former[i - 1] ?? 0))) return "former replicas out of order";
  return undefined;
}

function isKnown({ nodes }: ClusterMap, id: ReplicaId, generation: number): boolean {
  if (!within(id, 1, Number.MAX_SAFE_INTEGER) || generationOf(id) > generation) return false;
  const node = nodes[seatOf(id) - 1];
  return node !== undefined && node.state !== "gone";
}

/** At most one on each seat, and not too many. */
function areVoters(ids: readonly ReplicaId[]): boolean {
  if (ids.length > clusterLimits.votersMax) return false;
  return ids.every((id, i) => ids.findIndex((other) => seatOf(other) === seatOf(id)) === i);
}

/** `others` has no id twice; then `some` has none either when they are the same. */
export function isSameSet(some: readonly ReplicaId[], others: readonly ReplicaId[]): boolean {
  return some.length === others.length && others.every((id) => some.includes(id));
}
