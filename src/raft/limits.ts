/** The bounds of the core that no deployment needs to tune; the tunable ones are in `options.ts`. */
export const raftLimits = {
  /** Voters of one configuration: five survive two failures, seven three; more only slow every commit. */
  votersMax: 7,
  /** Learners of one configuration: each costs the leader a full copy of the traffic. */
  learnersMax: 16,
  /** Added to the payload of an entry in the memory cache, so that entries without payload are bounded too. */
  entryOverheadBytes: 64,
  /** Rounds of heartbeats whose times a leader with a lease remembers; it steps down before a quorum misses so many. */
  leaseRoundsMax: 64,
  /** Payload bytes read from disk at once for one lagging follower. */
  fetchBytesMax: 1024 * 1024,
  /** A follower further behind than this gets a snapshot although its entries are still in the log: that is shorter. */
  lagEntriesMax: 1_000_000,
  /** A peer that lacks less payload than this counts as caught up: a fraction of a second of a busy log (raft.md section 5). */
  caughtUpBytesMax: 1024 * 1024,
  /** Heartbeat intervals on end for which that must hold: once may be luck, between two bursts. */
  caughtUpIntervals: 2,
  /** Committed entries not yet applied, above which a follower stops acknowledging and a leader gives up (raft.md 3.1). */
  unappliedEntriesMax: 100_000,
  /** Below this it goes on; far from the upper bound, so that it does not flap. */
  unappliedEntriesResume: 10_000,
  /** Election ticks left after transport proof that the leader's process is gone: drawn from [1, 7), 50 to 300 ms. */
  suspicionTicksMin: 1,
  suspicionTicksEnd: 7,
  /** Elections after such proof that follow each other soon; a round counts twice, with its pre-vote. Then it is a matter of whole timeouts. */
  hurriedRoundsMax: 12,
  /** Ticks between those: drawn from [2, 8), enough for two rounds of messages and flushes. */
  retryTicksMin: 2,
  retryTicksEnd: 8,
} as const;
