/**
 * The bounds of the machine. Those marked with a star decide what state the same log leads to: all replicas of a partition
 * must run with the same, for ever. They can be set only so that tests reach them with little.
 */
export interface MachineLimits {
  /** *Messages per chunk, at most 1,024: a chunk is the unit of checkpoints, so one change rewrites an index row of at most 32 KiB. */
  readonly chunkMessagesMax: number;
  /** *Bytes of bodies per chunk, except that one larger body may stand alone: a row that is read or written in a millisecond. */
  readonly chunkBodyBytesMax: number;
  /** *Sessions remembered: gateway processes that wrote within `sessionIdleMs`. Beyond it the one least recently used is forgotten. */
  readonly sessionsMax: number;
  /** *A session unused for so long, in log time, is forgotten. A retry after that would be a new command: far beyond any deadline. */
  readonly sessionIdleMs: number;
  /** *Span of sequences of which a session's results are kept; a power of two. A gateway has far fewer commands under way. */
  readonly resultsPerSessionMax: number;
  /** *Chunks swept for expired messages per entry: about 5 ms of apply at worst. The rest stays due. */
  readonly sweptChunksMax: number;
  /**
   * *Expired claims released per entry, about 20 messages each. The rest stays due: until the entry that releases it, a claim may
   * hand out younger messages than those that more expired claims than this still hold.
   */
  readonly sweptClaimsMax: number;
  /**
   * A chunk of at least `squeezeSlotsMin` slots is rewritten in memory without its gone messages when at most one in
   * `squeezeFactor` is left. Survivors then cost little; a smaller factor copies more often.
   */
  readonly squeezeSlotsMin: number;
  readonly squeezeFactor: number;
}

export const defaultMachineLimits: MachineLimits = {
  chunkMessagesMax: 1_024,
  chunkBodyBytesMax: 262_144,
  sessionsMax: 4_096,
  sessionIdleMs: 600_000,
  resultsPerSessionMax: 65_536,
  sweptChunksMax: 256,
  sweptClaimsMax: 1_024,
  squeezeSlotsMin: 64,
  squeezeFactor: 8,
};

/** Slots of a new chunk: most queues are empty or tiny, so chunks begin small and double. */
export const chunkSlotsMin = 8;

/** The index of a chunk stores postings as 32-bit offsets from its first: a chunk takes no more after 24 days. */
export const chunkAgeMsMax = 2 ** 31;

/** How far back a chunk looks for a client id it has already written down; beyond, it is written again. */
export const clientSearchMax = 64;

/** Names per block of a project's list: an insertion moves at most so many references. */
export const nameBlockMax = 512;
