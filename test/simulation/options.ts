import { deriveSeed, type Rng, Xoshiro128 } from "../../src/base/index.js";
import { type Faults, type MixName, mixes, mixNames } from "./mixes.js";

/** Everything that a seed decides before its run begins. */
export interface SimOptions {
  readonly seed: number;
  readonly mix: MixName;
  readonly faults: Faults;
  readonly nodes: number;
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly gateways: number;
  readonly clients: number;
  readonly queues: number;
  readonly chaosMs: number;
  readonly tickMs: number;
  readonly heartbeatTicks: number;
  readonly electionTicks: number;
  readonly segmentBytes: number;
  readonly spares: number;
  readonly checkpointLogBytes: number;
  readonly logSegmentsMax: number;
  /** Departures from defaultRaftOptions. */
  readonly raft: Readonly<
    Partial<
      Record<
        "inflightMessagesMax" | "inflightBytesMax" | "messageBytesMax" | "uncommittedBytesMax" | "logCacheBytesMax",
        number
      >
    >
  >;
  /** Departures from nodeLimits. */
  readonly node: Readonly<
    Partial<
      Record<
        | "entryCommandsMax"
        | "snapshotPartBytes"
        | "snapshotWindow"
        | "checkpointSliceBytes"
        | "applyBytesPerTurnMax"
        | "peerFrameBytesMax"
        | "snapshotStallMs"
        | "fetchBytesMax",
        number
      >
    >
  >;
  /** Departures from defaultMachineLimits. */
  readonly machine: Readonly<Partial<Record<"chunkMessagesMax" | "chunkBodyBytesMax" | "sweptChunksMax", number>>>;
  readonly peerBufferBytesMax: number;
  readonly latencyMs: number;
  readonly jitterMs: number;
  readonly spikeEvery: number;
  readonly spikeMs: number;
  readonly keepaliveMs: number;
  readonly syncMs: number;
  readonly readMs: number;
  /** Largest difference of a machine's wall clock from true time, either way. */
  readonly clockOffsetMsMax: number;
  /** Largest difference of a machine's rate from 1. */
  readonly clockDriftMax: number;
  readonly requestTimeoutMs: number;
  /** Groups whose replicas move at once. */
  readonly movesMax: number;
  readonly clockSkewMaxMs: number;
  readonly leaseReads: boolean;
  /** Mean time between two changes of who is a member and who holds what; 0: the founders hold what they held. */
  readonly membershipEveryMs: number;
  /** Frames of gateways travel as protobuf bytes, not as objects: slower. */
  readonly encodesFrames: boolean;
  readonly workload: WorkloadOptions;
}

export interface WorkloadOptions {
  /** Clients that only read. */
  readonly readers: number;
  /** Mean pause of a client between two operations. */
  readonly thinkMs: number;
  readonly batchMax: number;
  readonly bodyBytesMax: number;
  readonly claimTtlSecMax: number;
  /** Share of posts whose messages live only some seconds. */
  readonly shortLived: number;
  readonly deletesQueues: boolean;
}

const pick = <T>(rng: Rng, values: readonly T[]): T => values[rng.between(0, values.length)] as T;

/** What `seed` means. `mix` overrides the seed's own choice. */
export function drawOptions(seed: number, mix?: MixName): SimOptions {
  const rng = new Xoshiro128(deriveSeed(seed, "options"));
  const drawn = pick(rng, mixNames);
  const chosen = mix ?? drawn;
  const { nodes, replicationFactor } = pick(rng, [
    { nodes: 3, replicationFactor: 3 },
    { nodes: 3, replicationFactor: 3 },
    { nodes: 5, replicationFactor: 3 },
    { nodes: 5, replicationFactor: 5 },
    { nodes: 4, replicationFactor: 3 },
  ]);
  const tiny = mixes[chosen].tinyLimits || rng.fraction() < 0.4;
  return {
    seed,
    mix: chosen,
    faults: mixes[chosen].faults,
    nodes,
    replicationFactor,
    partitions: rng.between(2, 6),
    gateways: pick(rng, [1, 2, 2, 3]),
    clients: rng.between(3, 7),
    queues: rng.between(1, 6),
    chaosMs: rng.between(10_000, 20_000),
    ...pick(rng, [
      { tickMs: 50, heartbeatTicks: 2, electionTicks: 20 },
      { tickMs: 100, heartbeatTicks: 1, electionTicks: 10 },
      { tickMs: 100, heartbeatTicks: 2, electionTicks: 10 },
    ]),
    ...drawLimits(rng, tiny),
    ...drawNetwork(rng),
    ...drawMachines(rng, chosen),
    requestTimeoutMs: pick(rng, [1_000, 3_000, 10_000]),
    movesMax: pick(rng, [1, 4]),
    clockSkewMaxMs: pick(rng, [500, 60_000]),
    leaseReads: rng.fraction() < 0.3,
    membershipEveryMs: drawMembership(seed, chosen),
    encodesFrames: rng.fraction() < 0.15,
    workload: {
      readers: rng.between(0, 2),
      thinkMs: pick(rng, [50, 120, 300]),
      batchMax: pick(rng, [1, 3, 8]),
      bodyBytesMax: tiny ? pick(rng, [64, 300, 1_000]) : 64,
      claimTtlSecMax: pick(rng, [1, 3, 8]),
      shortLived: pick(rng, [0, 0.1]),
      deletesQueues: rng.fraction() < 0.25,
    },
  };
}

/** From a stream of its own: whatever else a seed means does not depend on it. */
function drawMembership(seed: number, mix: MixName): number {
  const rng = new Xoshiro128(deriveSeed(seed, "membership options"));
  return rng.fraction() < mixes[mix].membership ? pick(rng, [500, 1_000, 2_000]) : 0;
}

/** Edges that a real cluster meets once a day are crossed all the time. */
function drawLimits(
  rng: Rng,
  tiny: boolean,
): Pick<
  SimOptions,
  | "segmentBytes"
  | "spares"
  | "checkpointLogBytes"
  | "logSegmentsMax"
  | "raft"
  | "node"
  | "machine"
  | "peerBufferBytesMax"
> {
  if (!tiny)
    return {
      segmentBytes: 128 * 1_024,
      spares: 1,
      checkpointLogBytes: 512 * 1_024,
      logSegmentsMax: 16,
      raft: {},
      node: {},
      machine: {},
      peerBufferBytesMax: 64 * 1_024 * 1_024,
    };
  const some = <T extends object>(values: T): T => {
    const kept = Object.entries(values).filter(() => rng.fraction() < 0.6);
    return Object.fromEntries(kept) as T;
  };
  return {
    segmentBytes: pick(rng, [32, 64]) * 1_024,
    spares: rng.between(0, 3),
    checkpointLogBytes: pick(rng, [8_000, 40_000, 200_000]),
    logSegmentsMax: pick(rng, [3, 8]),
    raft: some({
      inflightMessagesMax: pick(rng, [1, 2, 5]),
      inflightBytesMax: pick(rng, [200, 2_000]),
      messageBytesMax: pick(rng, [100, 1_000]),
      uncommittedBytesMax: pick(rng, [1_000, 5_000]),
      logCacheBytesMax: pick(rng, [0, 500, 2_000]),
    }),
    node: some({
      entryCommandsMax: pick(rng, [1, 3]),
      snapshotPartBytes: pick(rng, [4_000, 16_000]),
      snapshotWindow: pick(rng, [1, 2, 4]),
      checkpointSliceBytes: pick(rng, [100, 1_000]),
      applyBytesPerTurnMax: pick(rng, [100, 1_000]),
      peerFrameBytesMax: 300,
      snapshotStallMs: 2_000,
      fetchBytesMax: 300,
    }),
    machine: some({
      chunkMessagesMax: pick(rng, [4, 16]),
      chunkBodyBytesMax: pick(rng, [100, 1_000]),
      sweptChunksMax: 4,
    }),
    // Never less than a part of a snapshot with its largest row.
    peerBufferBytesMax: 2_000_000,
  };
}

function drawNetwork(rng: Rng): Pick<SimOptions, "latencyMs" | "jitterMs" | "spikeEvery" | "spikeMs" | "keepaliveMs"> {
  return {
    ...pick(rng, [
      { latencyMs: 0.1, jitterMs: 0.1 },
      { latencyMs: 0.5, jitterMs: 1 },
      { latencyMs: 2, jitterMs: 8 },
    ]),
    ...pick(rng, [
      { spikeEvery: 0, spikeMs: 0 },
      { spikeEvery: 50, spikeMs: 40 },
      { spikeEvery: 500, spikeMs: 800 },
    ]),
    keepaliveMs: pick(rng, [2_000, 5_000]),
  };
}

function drawMachines(
  rng: Rng,
  mix: MixName,
): Pick<SimOptions, "syncMs" | "readMs" | "clockOffsetMsMax" | "clockDriftMax"> {
  const skewed = mixes[mix].skewedClocks;
  return {
    syncMs: pick(rng, [0.2, 1, 6]),
    readMs: pick(rng, [0.05, 1]),
    clockOffsetMsMax: skewed ? pick(rng, [200, 2_000]) : pick(rng, [0, 20]),
    clockDriftMax: skewed ? 0.001 : 0,
  };
}
