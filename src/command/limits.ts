/**
 * What one command or query may carry at most. Wider than what the REST API admits (`contract/limits.ts`), whose maxima an
 * operator may raise: these are what a replica can digest in one apply without stalling its neighbours.
 */
export const commandLimits = {
  /** 256 characters of UTF-8, three bytes at most for each UTF-16 unit. */
  projectBytesMax: 768,
  queueBytesMax: 256,
  metadataBytesMax: 262_144,
  /** One post: four times the largest request of the API. */
  batchBytesMax: 1_048_576,
  /** Ids in one delete or read, messages in one claim or page: each is looked up on its own. */
  itemsMax: 1_024,
  /** Every ttl and grace: a claim's ttl and grace together still fit 32 bits. */
  secondsMax: 2 ** 31 - 1,
  /** Incarnations, sequences of messages and indexes of claims. */
  idMax: 2 ** 48 - 1,
} as const;

/** A client id is a UUID's 16 bytes. */
export const clientIdBytes = 16;
