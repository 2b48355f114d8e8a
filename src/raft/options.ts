import type { Rng } from "../base/index.js";
import type { ReplicaId } from "./types.js";

/** Every option says what it bounds and what a smaller or larger value costs. */
export interface RaftOptions {
  readonly id: ReplicaId;
  readonly rng: Rng;
  /** Ticks between heartbeats (default 2 ticks of 50 ms). Smaller: faster detection, more idle traffic. */
  readonly heartbeatTicks: number;
  /** Base E of the election timeout in ticks (default 20); the timeout is drawn from [E, 2E). Must be >= 5 heartbeats, and at least 10 times the host's worst event-loop delay. */
  readonly electionTicks: number;
  /** Append messages in flight to one follower (default 64). More hides longer round trips and costs memory at the receiver. */
  readonly inflightMessagesMax: number;
  /** Bytes in flight to one follower (default 16 MiB). */
  readonly inflightBytesMax: number;
  /** Payload bytes of one append message (default 256 KiB); one larger entry is always let through. */
  readonly messageBytesMax: number;
  /** Payload bytes proposed and not yet committed (default 64 MiB); beyond it `propose` refuses. */
  readonly uncommittedBytesMax: number;
  /** Payload bytes of the log kept in memory for followers and apply (default 4 MiB); older ones are fetched from disk. Smaller: more fetches for lagging followers. */
  readonly logCacheBytesMax: number;
  /** Reads waiting for a ReadIndex round (default 10,000); beyond it reads are refused. */
  readonly pendingReadsMax: number;
}
