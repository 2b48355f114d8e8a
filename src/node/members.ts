import { assert } from "../base/index.js";
import type { NodeId } from "../peer/index.js";
import type { ReplicaId } from "../raft/index.js";

export interface Member {
  readonly id: NodeId;
  /** host:port of its gRPC listener. */
  readonly address: string;
}

/** The fixed map of a cluster with static membership: who holds which partition follows from the order of the members. */
export class MemberMap {
  readonly members: readonly Member[];
  readonly partitionCount: number;
  readonly replicationFactor: number;

  /** `members` in the same order on every node; ids must differ. */
  constructor(members: readonly Member[], partitionCount: number, replicationFactor: number) {
    assert(new Set(members.map((member) => member.id)).size === members.length, "member ids differ");
    assert(replicationFactor >= 1 && replicationFactor <= members.length, "as many replicas as nodes at most");
    this.members = [...members].sort((a, b) => (a.id < b.id ? -1 : 1));
    this.partitionCount = partitionCount;
    this.replicationFactor = replicationFactor;
  }

  /** The nodes that hold a partition; the first is where its leader should be when all is well. */
  nodesOf(partition: number): NodeId[] {
    const nodes: NodeId[] = [];
    for (let k = 0; k < this.replicationFactor; k++) {
      const member = this.members[(partition + k) % this.members.length];
      assert(member !== undefined, "a member for every place");
      nodes.push(member.id);
    }
    return nodes;
  }

  /** A node's replica id, the same in every partition: its place among the members, from 1. */
  replicaIdOf(node: NodeId): ReplicaId {
    const place = this.members.findIndex((member) => member.id === node);
    assert(place >= 0, `unknown node ${node}`);
    return place + 1;
  }

  nodeOf(replica: ReplicaId): NodeId {
    const member = this.members[replica - 1];
    assert(member !== undefined, `unknown replica ${String(replica)}`);
    return member.id;
  }
}
