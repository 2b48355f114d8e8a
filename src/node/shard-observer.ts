import type { Replica } from "./replica.js";

/** What the shard tells the metrics. */
export interface ShardObserver {
  committed(latencyMs: number): void;
  leaderChanged(replica: Replica): void;
  checkpointed(durationMs: number, bytes: number): void;
}
