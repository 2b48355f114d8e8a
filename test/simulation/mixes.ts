/** How often each fault strikes, relative to the others; 0 never. */
export interface Faults {
  /** Mean time between two faults, in milliseconds. */
  readonly everyMs: number;
  readonly kill: number;
  readonly killLeader: number;
  readonly killAll: number;
  /** Death in the midst of something: see `moments`. */
  readonly crashAt: number;
  readonly powerLoss: number;
  readonly powerLossAll: number;
  readonly pause: number;
  readonly pauseLeader: number;
  readonly halves: number;
  readonly isolate: number;
  readonly isolateLeader: number;
  /** The old leader and a gateway on one side, all others on the other: who reads through that gateway must not see the past. */
  readonly twoSides: number;
  readonly oneWay: number;
  readonly bridge: number;
  readonly flapping: number;
  readonly resetStream: number;
  readonly slowDisk: number;
  readonly diskError: number;
  readonly fullDisk: number;
  /** A clean stop and start. */
  readonly restart: number;
  readonly clockJump: number;
  readonly transfer: number;
  readonly gatewayKill: number;
}

export interface Mix {
  readonly faults: Faults;
  readonly tinyLimits: boolean;
  readonly skewedClocks: boolean;
  /** Share of the seeds in which members and replicas change, too. */
  readonly membership: number;
}

const none: Faults = {
  everyMs: 1_000,
  kill: 0,
  killLeader: 0,
  killAll: 0,
  crashAt: 0,
  powerLoss: 0,
  powerLossAll: 0,
  pause: 0,
  pauseLeader: 0,
  halves: 0,
  isolate: 0,
  isolateLeader: 0,
  twoSides: 0,
  oneWay: 0,
  bridge: 0,
  flapping: 0,
  resetStream: 0,
  slowDisk: 0,
  diskError: 0,
  fullDisk: 0,
  restart: 0,
  clockJump: 0,
  transfer: 0,
  gatewayKill: 0,
};

const everything: Faults = {
  everyMs: 900,
  kill: 3,
  killLeader: 3,
  killAll: 0.5,
  crashAt: 3,
  powerLoss: 3,
  powerLossAll: 0.7,
  pause: 2,
  pauseLeader: 2,
  halves: 1,
  isolate: 1,
  isolateLeader: 2,
  twoSides: 2,
  oneWay: 2,
  bridge: 1,
  flapping: 1,
  resetStream: 2,
  slowDisk: 1,
  diskError: 1,
  fullDisk: 1,
  restart: 2,
  clockJump: 0,
  transfer: 2,
  gatewayKill: 0.7,
};

const mix = (faults: Partial<Faults>, more: Partial<Omit<Mix, "faults">> = {}): Mix => ({
  tinyLimits: false,
  skewedClocks: false,
  membership: 0,
  ...more,
  faults: { ...none, ...faults },
});

/** The moods of a seed. Each is a world of its own, so that no fault hides behind another. */
export const mixes = {
  calm: mix({ everyMs: 5_000, resetStream: 1, transfer: 1 }),
  crashes: mix({ everyMs: 1_200, kill: 3, killLeader: 4, killAll: 0.5, crashAt: 3, gatewayKill: 0.5 }),
  power: mix({ everyMs: 1_500, powerLoss: 4, powerLossAll: 1.5, kill: 1, crashAt: 5, diskError: 1 }),
  restarts: mix({ everyMs: 1_500, restart: 6, kill: 0.5 }),
  pauses: mix({ everyMs: 1_500, pause: 2, pauseLeader: 4 }),
  splits: mix({ everyMs: 1_500, halves: 2, isolate: 2, isolateLeader: 3, twoSides: 4, bridge: 1, oneWay: 3 }),
  flapping: mix({ everyMs: 1_500, flapping: 3, oneWay: 1, resetStream: 3 }),
  transfers: mix({ everyMs: 250, transfer: 8, killLeader: 0.3, resetStream: 0.5 }),
  disks: mix({ everyMs: 1_500, slowDisk: 4, diskError: 2, fullDisk: 3, powerLoss: 1 }, { tinyLimits: true }),
  clocks: mix({ everyMs: 1_500, clockJump: 3, killLeader: 2, transfer: 2, isolateLeader: 1 }, { skewedClocks: true }),
  snapshots: mix(
    { everyMs: 1_800, kill: 2, isolate: 3, powerLoss: 2, crashAt: 3, resetStream: 1 },
    { tinyLimits: true },
  ),
  everything: mix(everything, { membership: 0.15 }),
  "everything tiny": mix({ ...everything, clockJump: 1 }, { tinyLimits: true, skewedClocks: true, membership: 0.15 }),
  membership: mix({ ...everything, everyMs: 2_000, clockJump: 2 }, { skewedClocks: true, membership: 1 }),
} as const satisfies Record<string, Mix>;

export type MixName = keyof typeof mixes;

export const mixNames = Object.keys(mixes) as MixName[];
