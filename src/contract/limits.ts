/** The bounds that clients can see, with the words under which errors name them. Section 3 of the API contract. */
export const limits = {
  messageTtlSecMin: 60,
  messageTtlSecMax: 1_209_600,
  claimTtlSecMin: 60,
  claimTtlSecMax: 43_200,
  claimGraceSecMin: 60,
  claimGraceSecMax: 43_200,
  /** Messages per claim, page sizes, ids per request. */
  pageMax: 20,
  pageDefault: 10,
  messagePostBytesMax: 262_144,
  metadataBytesMax: 65_536,
  queueNameCharsMax: 64,
  projectIdCharsMax: 256,
} as const;
