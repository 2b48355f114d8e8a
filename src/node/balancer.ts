import type { Clock } from "../base/index.js";
import type { NodeId } from "../peer/index.js";
import type { ReplicaId } from "../raft/index.js";
import type { GroupId } from "../storage/index.js";
import type { ClusterView } from "./cluster-view.js";
import { nodeLimits } from "./limits.js";
import type { Replica } from "./replica.js";

/** A leadership to hand over. */
export interface LeaderMove {
  readonly replica: Replica;
  readonly to: ReplicaId;
}

/** The last move of a group that came to nothing, or is not known yet to have succeeded. */
interface Attempt {
  readonly to: ReplicaId;
  readonly failures: number;
  readonly notBeforeMs: number;
}

/**
 * Spreads leaderships: each partition should be led by the first of its replicas, and goes back there once that one has caught
 * up. One that was handed the leadership and did not keep it, perhaps since it reaches this node but no majority, is left alone
 * for a while, longer each time: every attempt costs the partition an election.
 */
export class Balancer {
  readonly #view: ClusterView;
  readonly #clock: Clock;
  readonly #attempts = new Map<GroupId, Attempt>();

  constructor(view: ClusterView, clock: Clock) {
    this.#view = view;
    this.#clock = clock;
  }

  /** At most one move per call, so that a returning node takes over gently. */
  moves(replicas: Iterable<Replica>, isConnected: (node: NodeId) => boolean): LeaderMove[] {
    for (const replica of replicas) {
      if (!replica.serving) {
        this.#forgetSuccess(replica);
        continue;
      }
      const to = this.#view.preferred(replica.group);
      if (to === undefined || to === replica.id) {
        this.#attempts.delete(replica.group);
        continue;
      }
      const node = this.#view.nodeOf(to);
      if (node === undefined || !isConnected(node) || !this.#mayTry(replica, to)) continue;
      if (isUpToDate(replica, to)) return [{ replica, to }];
    }
    return [];
  }

  /** A move was begun. That this node is asked to make it again is the proof that it failed. */
  began({ replica, to }: LeaderMove): void {
    const before = this.#attempts.get(replica.group);
    const nowMs = this.#clock.monotonicMs();
    const recent = before?.to === to && nowMs < before.notBeforeMs + nodeLimits.leaderMoveForgetMs;
    const failures = recent ? before.failures + 1 : 0;
    const waitMs = Math.min(nodeLimits.leaderMoveRetryMs * 2 ** failures, nodeLimits.leaderMoveRetryMsMax);
    this.#attempts.set(replica.group, { to, failures, notBeforeMs: nowMs + waitMs });
  }

  /** Whoever still leads when a move could have been tried again has kept the leadership. */
  #forgetSuccess({ group, leadership }: Replica): void {
    const attempt = this.#attempts.get(group);
    if (attempt?.to === leadership.leader && this.#clock.monotonicMs() >= attempt.notBeforeMs)
      this.#attempts.delete(group);
  }

  #mayTry(replica: Replica, to: ReplicaId): boolean {
    const attempt = this.#attempts.get(replica.group);
    return attempt?.to !== to || this.#clock.monotonicMs() >= attempt.notBeforeMs;
  }

  /** The connected voters to hand a leadership to before a stop, those with the longest log first. */
  successors(replica: Replica, isConnected: (node: NodeId) => boolean): ReplicaId[] {
    const inReach = (id: ReplicaId): boolean => {
      const node = this.#view.nodeOf(id);
      return node !== undefined && isConnected(node);
    };
    return replica.core
      .status()
      .peers.filter((peer) => !peer.learner && inReach(peer.id))
      .sort((a, b) => b.match - a.match)
      .map((peer) => peer.id);
  }
}

function isUpToDate(replica: Replica, to: ReplicaId): boolean {
  const status = replica.core.status();
  const peer = status.peers.find((candidate) => candidate.id === to);
  return peer?.state === "replicate" && peer.recentlyActive && peer.match >= status.commit;
}
