import { clusterLimits } from "./limits.js";
import { isActive, isMember, nodeAt } from "./node-states.js";
import { changed, refused, unchanged, withNode } from "./outcome.js";
import type { ClusterMap, ClusterNode, MapCommand, MapOutcome } from "./types.js";

type Command<Op extends MapCommand["op"]> = Extract<MapCommand, { op: Op }>;

export function bindNode(map: ClusterMap, { seat, incarnation }: Command<"bind-node">): MapOutcome {
  const node = nodeAt(map, seat);
  if (node === undefined) return refused(`there is no seat ${seat}`);
  if (node.incarnation === incarnation) return unchanged(map);
  if (node.incarnation !== "") return refused(`node ${node.id} is known by another incarnation, ${node.incarnation}`);
  if (!isMember(node)) return refused(`node ${node.id} on seat ${seat} is ${node.state}`);
  const other = byIncarnation(map, incarnation);
  if (other !== undefined) return refused(copied(node.id, other));
  return changed(map, { nodes: withNode(map, { ...node, incarnation }) });
}

export function addNode(map: ClusterMap, command: Command<"add-node">): MapOutcome {
  const { id, incarnation, address } = command;
  const known = byIncarnation(map, incarnation);
  if (known !== undefined && known.id !== id) return refused(copied(id, known));
  if (known !== undefined && !isMember(known)) return refused(removed(known));
  const neighbour = map.nodes.find((node) => isMember(node) && node.id !== id && node.address === address);
  if (neighbour !== undefined) return refused(`${address} is the address of node ${neighbour.id}`);
  const row = known ?? map.nodes.find((node) => isMember(node) && node.id === id && node.incarnation === "");
  if (row === undefined) return addSeat(map, command);
  if (row.incarnation === incarnation && row.address === address) return unchanged(map);
  return changed(map, { nodes: withNode(map, { ...row, incarnation, address }) });
}

/** A node that was never met, or that comes without what it promised on its old seats: those are lost, if they were not yet. */
function addSeat(map: ClusterMap, { id, incarnation, address }: Command<"add-node">): MapOutcome {
  if (map.nodes.length >= clusterLimits.rowsMax) return refused("this cluster has used up its seats");
  const others = map.nodes.filter((node) => isMember(node) && node.id !== id);
  if (others.length >= clusterLimits.nodesMax) return refused(`a cluster has ${clusterLimits.nodesMax} nodes at most`);
  const seat = map.nodes.length + 1;
  const nodes = map.nodes.map((node): ClusterNode => {
    if (node.id !== id || node.state === "gone") return node;
    const heir = nodeAt(map, node.successor);
    return { ...node, state: "lost", successor: heir?.state === "active" && heir.id !== id ? heir.seat : seat };
  });
  return changed(map, { nodes: [...nodes, { seat, id, address, incarnation, state: "active", successor: 0 }] });
}

export function setNodeState(map: ClusterMap, command: Command<"set-node-state">): MapOutcome {
  const { seat, state, successor } = command;
  const node = nodeAt(map, seat);
  if (node === undefined) return refused(`there is no seat ${seat}`);
  if (node.state === state && node.successor === successor) return unchanged(map);
  if (node.state === "gone") return refused(removed(node));
  if (node.state === "lost" && state !== "lost")
    return refused(`node ${node.id} on seat ${seat} is lost: it can only join again, without the data it had`);
  const wrong = unfitSuccessor(map, command);
  if (wrong !== undefined) return refused(wrong);
  if (state !== "active" && !map.nodes.some((other) => other.seat !== seat && other.state === "active"))
    return refused(`node ${node.id} is the last active one`);
  return changed(map, { nodes: withNode(map, { ...node, state, successor }) });
}

function unfitSuccessor(map: ClusterMap, { seat, state, successor }: Command<"set-node-state">): string | undefined {
  if (successor === 0) return undefined;
  if (state === "active") return "an active node keeps what it holds: it has no successor";
  if (successor === seat) return "a node cannot be its own successor";
  return isActive(map, successor) ? undefined : `the successor, seat ${successor}, is no active node`;
}

export function setReplicationFactor(map: ClusterMap, command: Command<"set-replication-factor">): MapOutcome {
  const { replicationFactor } = command;
  if (replicationFactor < 1 || replicationFactor > clusterLimits.votersMax)
    return refused(`a replication factor is 1 to ${clusterLimits.votersMax}`);
  return replicationFactor === map.replicationFactor ? unchanged(map) : changed(map, { replicationFactor });
}

function byIncarnation(map: ClusterMap, incarnation: string): ClusterNode | undefined {
  return map.nodes.find((node) => node.incarnation === incarnation);
}

function copied(id: string, { id: original, seat }: ClusterNode): string {
  return `node ${id} has the data folder of node ${original} on seat ${seat}: a copy cannot join`;
}

function removed({ id, seat }: ClusterNode): string {
  return `node ${id} on seat ${seat} was removed from the cluster: reset its data folder to join again`;
}
