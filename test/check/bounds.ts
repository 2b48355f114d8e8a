/** How exact the world is that a history was taken from; everything in milliseconds. */
export interface Bounds {
  /** How far a server's clock and whole-second rounding may shift an expiry either way. */
  readonly clockMs: number;
  /** How late an expired claim or message may be noticed. */
  readonly sweepMs: number;
  /** How long after its client gave up an operation of unknown outcome may still take effect. */
  readonly lateMs: number;
}

export const realBounds: Bounds = { clockMs: 1_000, sweepMs: 2_000, lateMs: 30_000 };
