/** The bounds of this room. */
export const peerLimits = {
  /** Bytes buffered towards one peer before frames are dropped: two full in-flight windows; a peer that stalls longer is probed afresh. */
  bufferedBytesMax: 64 * 1024 * 1024,
  /** First and longest wait before dialling again; short, since a restarted node must be found within an election. */
  redialDelayMsMin: 25,
  redialDelayMsMax: 500,
  /** How long to wait for a peer that is to dial before dialling it: long enough that it does so only when something is amiss. */
  silenceMs: 5_000,
  /** A stream that does not say hello within this time is closed. */
  helloTimeoutMs: 3_000,
  /** How long a stream that ends with a refusal may take to deliver it before it is cut off. */
  lingerMs: 1_000,
  /** Refusals remembered so that a repeated one is logged once; beyond them the oldest is forgotten, and may be logged again. */
  refusalsMax: 256,
  /** Characters kept of what another node says of itself and of its reasons. */
  refusalTextMax: 1_000,
  /** How long to wait for a refusal when asking whether a process is gone. */
  probeTimeoutMs: 250,
  /**
   * Pause before asking again, and the longest time to go on. A killed process lets go of its listener only after its memory:
   * until then its kernel accepts or resets. 1.5 s covers some gigabytes, and is about where an election begins anyway.
   */
  probePauseMs: 15,
  suspicionMs: 1_500,
} as const;
