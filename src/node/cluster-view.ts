import { assert } from "../base/index.js";
import {
  type ClusterMap,
  type ClusterNode,
  goalOf,
  idsToHold,
  mapDigest,
  metaGroup,
  type Placement,
  seatOf,
  type Seat,
} from "../cluster/index.js";
import type { NodeId, Standing } from "../peer/index.js";
import type { ReplicaId } from "../raft/index.js";

export interface Member {
  readonly id: NodeId;
  /** host:port of its gRPC listener. */
  readonly address: string;
}

const isMember = ({ state }: ClusterNode): boolean => state !== "lost" && state !== "gone";

/** The cluster as this node knows it: the newest map that it has seen, and what follows from it. */
export class ClusterView {
  readonly nodeId: NodeId;
  readonly incarnation: string;
  #map: ClusterMap;
  /** The row of each name that is a member. */
  #byName = new Map<NodeId, ClusterNode>();
  readonly #listeners: ((map: ClusterMap) => void)[] = [];

  /** `incarnation` is that of this node's data folder. */
  constructor(nodeId: NodeId, incarnation: string, map: ClusterMap) {
    this.nodeId = nodeId;
    this.incarnation = incarnation;
    this.#map = map;
    this.#index();
  }

  get map(): ClusterMap {
    return this.#map;
  }

  /** Called after each newer map was taken, in the order of registration. */
  onChange(listener: (map: ClusterMap) => void): void {
    this.#listeners.push(listener);
  }

  /** Takes a map if it is newer; false when it is not. Of one version there is one map, or founders were told different things. */
  adopt(map: ClusterMap): boolean {
    if (map.version === this.#map.version)
      assert(
        mapDigest(map) === mapDigest(this.#map),
        "there are two cluster maps of one version: every founding node must be started with the same --members, " +
          "--partitions and --replication-factor",
      );
    if (map.version <= this.#map.version) return false;
    this.#map = map;
    this.#index();
    for (const listener of this.#listeners) listener(map);
    return true;
  }

  #index(): void {
    this.#byName = new Map(this.#map.nodes.filter(isMember).map((node) => [node.id, node]));
  }

  get partitionCount(): number {
    return this.#map.partitionCount;
  }

  /** The row of this very incarnation; undefined once another took its place or it left. */
  get own(): ClusterNode | undefined {
    const node = this.#byName.get(this.nodeId);
    return node !== undefined && (node.incarnation === "" || node.incarnation === this.incarnation) ? node : undefined;
  }

  /** All members, this node too. */
  get members(): Member[] {
    return [...this.#byName.values()].map(({ id, address }) => ({ id, address }));
  }

  /** All members but this node. */
  get others(): Member[] {
    return this.members.filter(({ id }) => id !== this.nodeId);
  }

  /** As gateways are told it. */
  membership(): {
    readonly version: bigint;
    readonly members: { readonly nodeId: NodeId; readonly address: string }[];
  } {
    return {
      version: BigInt(this.#map.version),
      members: this.members.map(({ id, address }) => ({ nodeId: id, address })),
    };
  }

  /** The incarnation of a member as the map has it; undefined for a founder that was not met yet. */
  incarnationOf(id: NodeId): string | undefined {
    const incarnation = this.#byName.get(id)?.incarnation;
    return incarnation === "" ? undefined : incarnation;
  }

  node(id: NodeId): ClusterNode | undefined {
    return this.#byName.get(id);
  }

  /** The seat on which a member of that name sits. */
  seatOfNode(id: NodeId): Seat | undefined {
    return this.#byName.get(id)?.seat;
  }

  /** The node that hosts a replica; undefined when it is no member any more, or not known yet. */
  nodeOf(replica: ReplicaId): NodeId | undefined {
    const node = this.#map.nodes[seatOf(replica) - 1];
    return node !== undefined && isMember(node) ? node.id : undefined;
  }

  /** True when there is such a group. */
  has(group: number): boolean {
    return group === metaGroup || group < this.#map.partitionCount;
  }

  /** The members that hold a group or shall hold it, each once; the one that should lead it first. */
  holdersOf(group: number): NodeId[] {
    const ids = this.goal(group).concat(this.placement(group).replicas);
    const nodes = ids.map((id) => this.nodeOf(id)).filter((node) => node !== undefined);
    return [...new Set(nodes)];
  }

  placement(group: number): Placement {
    const placement = group === metaGroup ? this.#map.meta : this.#map.partitions[group];
    assert(placement !== undefined, `no partition ${String(group)} is on the map`);
    return placement;
  }

  /** Who shall hold a group; the first of them should lead it. */
  goal(group: number): readonly ReplicaId[] {
    return goalOf(this.placement(group));
  }

  /** The node that should lead a group when all is well. */
  preferred(group: number): ReplicaId | undefined {
    return this.goal(group)[0];
  }

  /** The replica of a group that this node hosts: the youngest, since an older one on the same node was given up for it. */
  ownReplicaOf(group: number): ReplicaId | undefined {
    const seat = this.own?.seat;
    const ids = idsToHold(this.#map, group).filter((id) => seatOf(id) === seat);
    return ids.length === 0 ? undefined : Math.max(...ids);
  }

  /** Every group of which this node hosts a replica. */
  ownGroups(): Map<number, ReplicaId> {
    const held = new Map<number, ReplicaId>();
    const groups = [metaGroup, ...this.#map.partitions.keys()];
    for (const group of groups) {
      const id = this.ownReplicaOf(group);
      if (id !== undefined) held.set(group, id);
    }
    return held;
  }

  standingOf(id: NodeId, incarnation: string): Standing {
    const member = this.#byName.get(id);
    if (member !== undefined && (member.incarnation === "" || member.incarnation === incarnation))
      return { kind: "member" };
    const former = this.#map.nodes.find((node) => node.id === id && node.incarnation === incarnation);
    if (former === undefined) return { kind: "unknown" };
    const reason =
      former.state === "gone" ? "it was removed from the cluster" : "another incarnation of the node took its place";
    return { kind: "evicted", reason };
  }
}
