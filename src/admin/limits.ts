/** Bounds of one question to one node, in milliseconds; the caller's own deadline may cut any of them shorter. */
export const adminLimits = {
  /**
   * A node that cannot be connected to by then is passed over. Longer than a handshake across a continent; short, since a
   * machine that is switched off refuses nothing and is only noticed by this.
   */
  connectTimeoutMs: 1_000,
  /**
   * A node that has not answered by then is passed over, and what it was told may have been done. A change costs two syncs of
   * the disk; a node that is stuck for this long has lost the leadership of the meta group, or is about to.
   */
  answerTimeoutMs: 3_000,
  /** First and longest wait after everybody was asked in vain. The meta group elects its next leader within 2 s as a rule. */
  roundWaitMsMin: 50,
  roundWaitMsMax: 500,
  /** Addresses that are kept: those that were given and those that nodes pointed to. A node points to a handful. */
  addressesMax: 256,
} as const;
