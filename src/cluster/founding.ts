import { assert } from "../base/index.js";
import { clusterLimits, metaGroup } from "./limits.js";
import { invalidMap } from "./map-rules.js";
import { replicaIdAt } from "./replica-id.js";
import type { ClusterMap, NodeId, Placement, ReplicaId } from "./types.js";

/** What the founding members of a cluster are started with; the same for each of them. */
export interface Founding {
  /** In any order; ids and addresses differ. */
  readonly members: readonly { readonly id: NodeId; readonly address: string }[];
  /** 1 to 4096. */
  readonly partitionCount: number;
  /** 1 to 7, and at most as many as there are members. */
  readonly replicationFactor: number;
}

/** Voters that the meta group has when `nodes` can hold it: an even one more would survive no more failures. */
export function metaVotersFor(nodes: number): number {
  const odd = nodes % 2 === 0 ? nodes - 1 : nodes;
  return Math.max(1, Math.min(clusterLimits.metaVotersMax, odd));
}

/** Version 1 of a cluster's map: the same on every founding member. */
export function foundingMap({ members, partitionCount, replicationFactor }: Founding): ClusterMap {
  const sorted = [...members].sort((a, b) => (a.id < b.id ? -1 : 1));
  const founders = sorted.length;
  assert(founders > 0, "a cluster has members");
  const placements = { founders, foundingReplicationFactor: replicationFactor, partitionCount };
  const map: ClusterMap = {
    version: 1,
    ...placements,
    replicationFactor,
    nodes: sorted.map(({ id, address }, i) => ({
      ...{ seat: i + 1, id, address },
      ...{ incarnation: "", state: "active", successor: 0 },
    })),
    meta: settledOn(foundingVoters(placements, metaGroup)),
    partitions: Array.from({ length: partitionCount }, (_, group) => settledOn(foundingVoters(placements, group))),
  };
  const broken = invalidMap(map);
  assert(broken === undefined, `not the founding of a cluster: ${broken ?? ""}`);
  return map;
}

/**
 * The first configuration of a group, for ever: what a replica bootstraps from, whatever has become of the map since. Every
 * partition has its replicas on the seats after that of its number, going round; the first should lead it.
 */
export function foundingVoters(
  { founders, foundingReplicationFactor, partitionCount }: FoundingNumbers,
  group: number,
): ReplicaId[] {
  assert(group === metaGroup || (group >= 0 && group < partitionCount), `no such group: ${group}`);
  const count = group === metaGroup ? metaVotersFor(founders) : foundingReplicationFactor;
  const first = group === metaGroup ? 0 : group;
  return Array.from({ length: count }, (_, k) => replicaIdAt(((first + k) % founders) + 1, 0));
}

/** The part of a map that never changes. */
export type FoundingNumbers = Pick<ClusterMap, "founders" | "foundingReplicationFactor" | "partitionCount">;

function settledOn(replicas: ReplicaId[]): Placement {
  return { replicas, target: [], former: [], generation: 0 };
}
