import { type ClusterMap, goalOf, heldBy, metaGroup, placementOf, planMoves } from "../../src/cluster/index.js";
import type { SimNode } from "./sim-node.js";
import type { SimWorld } from "./sim-world.js";

/** Far more groups than a run has. */
const MOVES_MAX = 100;

/** Why a healed cluster is not what its operators asked for; undefined when it is. */
export function unsettled(sim: SimWorld): string | undefined {
  const { map } = sim;
  return ofNodes(sim, map) ?? ofPlacements(map) ?? ofMembers(sim, map) ?? ofGroups(sim, map);
}

function ofNodes(sim: SimWorld, map: ClusterMap): string | undefined {
  for (const { seat, id, state } of map.nodes) {
    if (state === "leaving" || state === "lost") return `${id} on seat ${String(seat)} is ${state} still`;
    if (state !== "active" && heldBy(map, seat).length > 0) return `${id} on seat ${String(seat)} holds something`;
  }
  for (const node of sim.nodes) {
    const row = rowOf(map, node);
    if (row === undefined && node.running) return `${node.name} runs and is no member`;
    if (row !== undefined && node.storage === undefined) return `${node.name} does not serve`;
    const version = node.view?.map.version;
    if (row !== undefined && version !== map.version)
      return `${node.name} has map ${String(version)} of ${String(map.version)}`;
  }
  return undefined;
}

function rowOf(map: ClusterMap, { name, incarnation }: SimNode): ClusterMap["nodes"][number] | undefined {
  return map.nodes.find((row) => row.id === name && row.incarnation === incarnation && row.state !== "gone");
}

function ofPlacements(map: ClusterMap): string | undefined {
  const active = map.nodes.filter(({ state }) => state === "active").map(({ seat }) => seat);
  for (const group of [metaGroup, ...map.partitions.keys()]) {
    const placement = placementOf(map, group);
    if (placement === undefined) continue;
    const { target, former, replicas } = placement;
    if (target.length > 0 || former.length > 0)
      return `group ${String(group)} is on its way to ${target.join(" ")}, former ${former.join(" ")}`;
    const wanted = Math.min(map.replicationFactor, active.length);
    if (group !== metaGroup && replicas.length !== wanted)
      return `group ${String(group)} has ${String(replicas.length)} voters of ${String(wanted)}`;
  }
  const [move] = planMoves(map, { alive: new Set(active), movesMax: MOVES_MAX });
  return move === undefined ? undefined : `a move is left: ${JSON.stringify(move)}`;
}

/** Every member hosts exactly what the map gives to it. */
function ofMembers(sim: SimWorld, map: ClusterMap): string | undefined {
  for (const node of sim.nodes) {
    const { storage } = node;
    if (storage === undefined || rowOf(map, node) === undefined) continue;
    const wanted = storage.view.ownGroups();
    const { replicas } = storage.shard;
    for (const [group, id] of wanted)
      if (replicas.get(group)?.id !== id)
        return `${node.name} hosts no replica ${String(id)} of group ${String(group)}`;
    for (const group of replicas.keys())
      if (!wanted.has(group)) return `${node.name} hosts group ${String(group)}, which others hold`;
  }
  return undefined;
}

/** Every group is led, by a configuration that is what the map says. */
function ofGroups(sim: SimWorld, map: ClusterMap): string | undefined {
  for (const group of [metaGroup, ...map.partitions.keys()]) {
    const placement = placementOf(map, group);
    const leader = sim.leadersOf(group)[0]?.shard?.replicas.get(group);
    if (leader?.serving !== true || placement === undefined) return `nobody serves group ${String(group)}`;
    const { voters, outgoing, learners } = leader.configuration;
    const same = [...voters].sort().join() === [...goalOf(placement)].sort().join();
    if (!same || outgoing.length > 0 || learners.length > 0)
      return `the voters of group ${String(group)} are ${voters.join(" ")}, learners ${learners.join(" ")}`;
  }
  return undefined;
}
