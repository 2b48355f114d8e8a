/** The bounds of this room. */
export const peerLimits = {
  /** Bytes buffered towards one peer before frames are dropped: two full in-flight windows; a peer that stalls longer is probed afresh. */
  bufferedBytesMax: 64 * 1024 * 1024,
  /** First and longest wait before dialling again; short, since a restarted node must be found within an election. */
  redialDelayMsMin: 25,
  redialDelayMsMax: 500,
  /** A stream that does not say hello within this time is closed. */
  helloTimeoutMs: 3_000,
  /** How long to wait for a refusal when asking whether a process is gone. */
  probeTimeoutMs: 250,
} as const;
