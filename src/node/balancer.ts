import type { NodeId } from "../peer/index.js";
import type { ReplicaId } from "../raft/index.js";
import type { MemberMap } from "./members.js";
import type { Replica } from "./replica.js";

/** A leadership to hand over. */
export interface LeaderMove {
  readonly replica: Replica;
  readonly to: ReplicaId;
}

/** Spreads leaderships: each partition should be led by the first of its nodes, and goes back there once that one has caught up. */
export class Balancer {
  readonly #nodeId: NodeId;
  readonly #members: MemberMap;

  constructor(nodeId: NodeId, members: MemberMap) {
    this.#nodeId = nodeId;
    this.#members = members;
  }

  /** At most one move per call, so that a returning node takes over gently. */
  moves(replicas: Iterable<Replica>, isConnected: (node: NodeId) => boolean): LeaderMove[] {
    for (const replica of replicas) {
      if (!replica.serving) continue;
      const preferred = this.#members.nodesOf(replica.group)[0];
      if (preferred === undefined || preferred === this.#nodeId || !isConnected(preferred)) continue;
      const to = this.#members.replicaIdOf(preferred);
      if (this.#isUpToDate(replica, to)) return [{ replica, to }];
    }
    return [];
  }

  /** The connected voters to hand a leadership to before a stop, those with the longest log first. */
  successors(replica: Replica, isConnected: (node: NodeId) => boolean): ReplicaId[] {
    return replica.core
      .status()
      .peers.filter((peer) => !peer.learner && isConnected(this.#members.nodeOf(peer.id)))
      .sort((a, b) => b.match - a.match)
      .map((peer) => peer.id);
  }

  #isUpToDate(replica: Replica, to: ReplicaId): boolean {
    const status = replica.core.status();
    const peer = status.peers.find((candidate) => candidate.id === to);
    return peer?.state === "replicate" && peer.recentlyActive && peer.match >= status.commit;
  }
}
