/**
 * What a range of seeds must have made happen at least once ("it really happened"): a fault that was never injected and a path
 * that was never taken prove nothing.
 */
export const coverageNames = [
  "kills",
  "powerLosses",
  "crashesAtMoments",
  "restarts",
  "pauses",
  "pausesOfLeader",
  "oneWayCuts",
  "splits",
  "leadersIsolated",
  "streamsReset",
  "clogsReleased",
  "clockJumps",
  "slowDisks",
  "diskErrors",
  "fullDisks",
  "postsStopped",
  "cleanStops",
  "gatewayRestarts",
  "transfersRequested",
  "elections",
  "electionsLost",
  "preVotesLost",
  "transferCampaigns",
  "stepDownsByQuorum",
  "truncations",
  "unsyncedOrdersLost",
  "unsyncedOrdersKept",
  "unsyncedOrdersInPart",
  "fetchesForFollowers",
  "fetchesForApply",
  "snapshotsOrdered",
  "snapshotParts",
  "snapshotsResumed",
  "snapshotsDelegated",
  "snapshotsInstalled",
  "snapshotsFailed",
  "installsCompletedAtStart",
  "checkpoints",
  "restoredFromCheckpoint",
  "segmentsRecycled",
  "duplicatesAnswered",
  "retriesByRouter",
  "bounces",
  "unknownOutcomes",
  "refusedOperations",
  "readsServed",
  "readsRefused",
  "readsUnderLease",
  "claimsLapsed",
  "redelivered",
  "renewals",
  "releases",
  "messagesExpired",
  "deletesRefusedByClaim",
  "postsRecovered",
  "tickEntries",
  "stateHashesCompared",
  "nodesJoined",
  "nodesLeft",
  "wipes",
  "replicasLost",
  "replicasMade",
  "replicasRemoved",
  "jointChanges",
  "learnersPromoted",
  "configurationsTruncated",
  "placementsRetargeted",
  "metaLeaderChangesDuringMoves",
  "staleMapRefused",
  "clockStoodAside",
  "evictions",
] as const;

export type CoverageName = (typeof coverageNames)[number];

export type CoverageCounts = Record<CoverageName, number>;

export function zeroCoverage(): CoverageCounts {
  return Object.fromEntries(coverageNames.map((name) => [name, 0])) as CoverageCounts;
}

/** The counters of one run. */
export class Coverage {
  readonly counts: CoverageCounts = zeroCoverage();

  add(name: CoverageName, by = 1): void {
    this.counts[name] += by;
  }
}
