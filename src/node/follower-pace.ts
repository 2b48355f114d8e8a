import type { PeerStatus, ReplicaId } from "../raft/index.js";
import { nodeLimits } from "./limits.js";

/**
 * Slows the clients of a partition when one of its voters cannot keep up (raft.md section 3.1, after TigerBeetle): a follower that
 * falls behind for ever under load would need a snapshot, fall behind again while it is installed, and never be of use. As long as a
 * living voter's lag is large and does not shrink, the leader proposes a tenth less each second; it speeds up again once the lag falls.
 */
export class FollowerPace {
  /** Each voter's lag when its present observation began, and when that was. */
  readonly #observed = new Map<ReplicaId, { readonly lag: number; readonly sinceMs: number }>();
  /** Bytes proposed since the last observation. */
  #proposedBytes = 0;
  #lastMs: number | undefined;
  /** Bytes a second; undefined while nobody has to be waited for. */
  #limit: number | undefined;
  /** What was proposed in a second when slowing began: speed is given back up to there, then the limit goes. */
  #fullBytes = 0;
  #allowance = 0;

  /** Bytes that may be proposed in a second; undefined: any. */
  get bytesPerSecond(): number | undefined {
    return this.#limit;
  }

  /** True when an entry may be proposed now. */
  get isOpen(): boolean {
    return this.#limit === undefined || this.#allowance > 0;
  }

  proposed(bytes: number): void {
    this.#proposedBytes += bytes;
    this.#allowance -= bytes;
  }

  /** Called about every second by a leader. `lastIndex` is that of its log. */
  observe(nowMs: number, lastIndex: number, peers: readonly PeerStatus[]): void {
    const elapsedMs = nowMs - (this.#lastMs ?? nowMs);
    const perSecond = elapsedMs > 0 ? (this.#proposedBytes * 1_000) / elapsedMs : 0;
    this.#lastMs = nowMs;
    this.#proposedBytes = 0;
    if (this.#isAnyFallingBehind(nowMs, lastIndex, peers)) this.#slow(perSecond);
    else this.#speedUp();
    if (this.#limit !== undefined)
      this.#allowance = Math.min(this.#limit, this.#allowance + (this.#limit * elapsedMs) / 1_000);
  }

  /** Another reign begins, or none. */
  reset(): void {
    this.#observed.clear();
    this.#proposedBytes = 0;
    this.#lastMs = undefined;
    this.#limit = undefined;
  }

  #isAnyFallingBehind(nowMs: number, lastIndex: number, peers: readonly PeerStatus[]): boolean {
    let falling = false;
    for (const { id, match, state, recentlyActive, learner } of peers) {
      const lag = lastIndex - match;
      // Nobody waits for the dead; and a snapshot on its way is as fast as the disks.
      const counts = recentlyActive && !learner && state !== "snapshot" && lag > nodeLimits.followerLagEntries;
      if (!counts) {
        this.#observed.delete(id);
        continue;
      }
      const before = this.#observed.get(id);
      if (before === undefined || lag < before.lag * nodeLimits.followerLagShrinks) {
        this.#observed.set(id, { lag, sinceMs: nowMs });
        continue;
      }
      if (nowMs - before.sinceMs >= nodeLimits.followerLagPatienceMs) falling = true;
    }
    return falling;
  }

  #slow(perSecond: number): void {
    if (this.#limit === undefined) {
      this.#fullBytes = Math.max(perSecond, nodeLimits.followerPaceBytesMin);
      this.#limit = this.#fullBytes;
    }
    this.#limit = Math.max(this.#limit * 0.9, nodeLimits.followerPaceBytesMin);
  }

  #speedUp(): void {
    if (this.#limit === undefined) return;
    this.#limit *= 1.1;
    if (this.#limit >= this.#fullBytes) this.#limit = undefined;
  }
}
