import { assert, type Rng } from "../base/index.js";
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
  /** Added to the first election timeout after a leader was lost (default 0), so that a preferred replica campaigns first. Ignored once a round failed; never affects whom a vote is given to. */
  readonly electionDelayTicks?: number;
  /**
   * How long a heartbeat that a quorum has answered lets the leader answer reads alone, in milliseconds from its sending; absent or
   * 0: never. At most 0.8 election timeouts, and the same in all replicas: it also binds voters, which elect nobody for an
   * election timeout after a restart or the loss of a leader's process. Larger: fewer rounds under reads; less room for clocks that
   * run at different speeds.
   */
  readonly leaseMs?: number;
}

/** What a caller need not decide: everything but who the replica is and where its randomness comes from. */
export const defaultRaftOptions: Omit<RaftOptions, "id" | "rng"> = {
  heartbeatTicks: 2,
  electionTicks: 20,
  inflightMessagesMax: 64,
  inflightBytesMax: 16 * 1024 * 1024,
  messageBytesMax: 256 * 1024,
  uncommittedBytesMax: 64 * 1024 * 1024,
  logCacheBytesMax: 4 * 1024 * 1024,
  pendingReadsMax: 10_000,
  electionDelayTicks: 0,
};

/** Programmer errors in the options: the bounds that the protocol needs in order to work at all. */
export function checkRaftOptions(options: RaftOptions): void {
  const { id, heartbeatTicks, electionTicks, electionDelayTicks = 0 } = options;
  assert(Number.isSafeInteger(id) && id > 0, "id must be a positive safe integer");
  assert(Number.isInteger(heartbeatTicks) && heartbeatTicks >= 1, "heartbeatTicks must be a positive integer");
  assert(electionTicks >= 5 * heartbeatTicks, "electionTicks must be at least 5 heartbeats");
  assert(electionDelayTicks >= 0, "electionDelayTicks must not be negative");
  assert(options.inflightMessagesMax >= 1 && options.inflightBytesMax >= 1, "the in-flight window must not be empty");
  assert(options.messageBytesMax >= 1 && options.uncommittedBytesMax >= 1, "byte bounds must be positive");
  assert(options.logCacheBytesMax >= 0 && options.pendingReadsMax >= 1, "bounds must be positive");
}
