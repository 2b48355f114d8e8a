/** The bounds of a storage node, each with its reason. */
export const nodeLimits = {
  /** Bytes of commands in one log entry: raft.md section 1; a larger single command still makes an entry of its own. */
  entryBytesMax: 256 * 1024,
  /** Commands in one log entry: bounds what one apply holds up. */
  entryCommandsMax: 4_096,
  /** Entries of one partition that are proposed and not yet on the leader's disk; more only when the queue holds whole entries. */
  unpersistedEntriesMax: 16,
  /** Commands of one partition waiting to be proposed; beyond it the answer is OVERLOADED at once. */
  queuedCommandsMax: 65_536,
  queuedBytesMax: 32 * 1024 * 1024,
  /** Commands waiting in all partitions of a shard, and bytes waiting for its disk; beyond either no partition takes more. */
  shardQueuedBytesMax: 256 * 1024 * 1024,
  logPendingBytesMax: 32 * 1024 * 1024,
  /** Entries that a living voter may lack, and for how long without gaining, before clients are slowed for its sake. */
  followerLagEntries: 20_000,
  followerLagPatienceMs: 30_000,
  /** A lag that is below this share of what it was shrinks. */
  followerLagShrinks: 0.9,
  /** Bytes a second of one partition that are proposed however slow a follower is. */
  followerPaceBytesMin: 256 * 1024,
  /** Reads of one partition waiting for a ReadIndex round. */
  queuedReadsMax: 10_000,
  /**
   * How long an event-loop turn works before it lets I/O in: a partition that catches up must not hold up the elections and heartbeats
   * of the others. Smaller: more turns, each with its own frames and system calls.
   */
  turnMsMax: 4,
  /** Bytes of entries that one partition applies in a turn: then it is the next one's time. */
  applyBytesPerTurnMax: 256 * 1024,
  /** Bytes read from the log at once for a lagging follower or for catching up after a restart. */
  fetchBytesMax: 1024 * 1024,
  /** Bytes of one answer frame; a larger single answer still goes out alone. */
  replyFrameBytesMax: 1024 * 1024,
  /** Bytes waiting towards one gateway; a gateway that does not read is disconnected and retries elsewhere. */
  gatewayBufferedBytesMax: 64 * 1024 * 1024,
  /** A gateway's stream that does not say hello within this time is closed. */
  helloTimeoutMs: 3_000,
  /** Bytes of Raft messages to one peer in one frame. */
  peerFrameBytesMax: 4 * 1024 * 1024,
  /** Bytes of checkpoint rows built in one event-loop turn: keeps a slice under about 5 ms. */
  checkpointSliceBytes: 1024 * 1024,
  /** Bytes of checkpoint rows given to a new state machine in one turn, when a snapshot is installed: about a millisecond. */
  loadSliceBytes: 256 * 1024,
  /** Snapshots sent at once by a shard, and received (raft.md section 5). */
  outgoingSnapshotsMax: 2,
  incomingSnapshotsMax: 2,
  /**
   * Bytes of snapshots that a shard sends in a second. A MiB costs its sender about 4 ms of processor time, so this is a fifth of an
   * event loop: the cluster keeps four fifths of its throughput while somebody catches up. raft.md's 100 MiB would be two fifths.
   */
  snapshotBytesPerSecondMax: 50 * 1024 * 1024,
  /** Parts of a snapshot on their way without acknowledgement, and the bytes of one; a larger single row makes a larger part. */
  snapshotWindow: 8,
  snapshotPartBytes: 1024 * 1024,
  /** A transfer that makes no progress for this long is interrupted, since others may wait for its slot; Raft asks again. */
  snapshotStallMs: 3_000,
  /** How long both sides keep what they have of an interrupted transfer: longer than a reboot is not worth the log that it pins. */
  snapshotResumeMs: 60_000,
  /** How long the log behind a snapshot that was sent is kept for its receiver to install it. */
  snapshotInstallMs: 30_000,
  /** Interrupted transfers kept by their sender: each holds a window of parts in memory and a view of the store. */
  interruptedSnapshotsMax: 2,
  /** A replica that was asked to send a snapshot and says nothing for this long is not waited for; it reports every second. */
  delegateSilenceMs: 3_500,
  /** How long one that could not is not asked again. */
  delegateDeclinedMs: 10_000,
  /** Bytes of a partition's newest log entries in memory; followers that lag further are served from disk. */
  logCacheBytesMax: 2 * 1024 * 1024,
  /** A partition may be without a leader for so long, an election with room to spare, before the node says that it is not ready. */
  unreadyGraceMs: 3_000,
  /**
   * How long a leadership that came back from its preferred replica is not offered to it again: from the first to the longest,
   * doubled each time. Each offer may cost an election.
   */
  leaderMoveRetryMs: 10_000,
  leaderMoveRetryMsMax: 600_000,
  /** A move that failed longer ago than this no longer counts. */
  leaderMoveForgetMs: 1_200_000,
  /** Between two looks at placements, and how many of them until clocks are compared and maps passed on. */
  memberTickMs: 250,
  memberTicksPerRound: 4,
  /** Rounds without a leader after which a node whose clock is off campaigns all the same. */
  leaderlessRoundsMax: 3,
  /** Changes of the cluster map that its leader waits for at once. */
  metaProposalsMax: 256,
  /** Changes that follow from the map and are made in one go; the rest a second later. */
  metaChangesPerTickMax: 64,
  /** Clocks of a peer that are remembered, one a second: the least delayed of them counts. */
  clockSamplesMax: 10,
  /** A clock that was off counts as right again within this share of the bound, so that it does not flap. */
  clockRightShare: 0.8,
  /** Between two attempts to tell the cluster where this node is reached now. */
  announceRetryMs: 1_000,
  /** How long a node asks to be taken in before it gives up starting: whoever runs it tries again. */
  joinTimeoutMs: 30_000,
  /** How long a founding member waits for word of the others at its first start. */
  askTimeoutMs: 1_000,
  /** Share of the disk that must be free before new messages are refused; raft.md section 4, "Disk full". */
  freeFractionMin: 0.05,
  /** Absolute floor for small disks: room for several log segments and a checkpoint. */
  freeBytesMin: 512 * 1024 * 1024,
} as const;
