const mebibyte = 1024 * 1024;

/** The bounds of the router, each with its reason. */
export const routerLimits = {
  /** Requests accepted and not yet answered, over all partitions: about 20 MiB of bookkeeping; more are refused at once. */
  outstandingRequestsMax: 65_536,
  /** Their encoded bytes, which are kept for a retry. */
  outstandingBytesMax: 128 * mebibyte,
  /** The same for one partition, so that one without a leader cannot take the room of all others. Half of what a node queues. */
  partitionRequestsMax: 16_384,
  partitionBytesMax: 32 * mebibyte,
  /** Calls that arrive before any node was met, when it is not known yet how many partitions there are. */
  unroutedRequestsMax: 4_096,
  /** Payload of one frame: a larger one adds no throughput and holds up a node's event loop. A larger single request still goes. */
  frameBytesMax: mebibyte,
  /** Requests of one frame: bounds the work of decoding it in one turn. */
  frameRequestsMax: 4_096,
  /** Bytes written to a stream that its socket has not taken: enough to fill the pipe while the next frame is gathered. */
  unsentBytesMax: mebibyte,
  /**
   * Bytes waiting for one node's stream; beyond it, new requests for that node are refused at once. Half of all that may be
   * outstanding: room for 256 of the largest posts in one turn, while a node that stopped reading leaves the rest to others.
   */
  outboxBytesMax: 64 * mebibyte,
  /**
   * Nodes dialled at a time, not counting those about to be given up: well above the twelve that a cluster is meant for; a wrong
   * member list must not open sockets without end.
   */
  nodesMax: 256,
  /** Partitions that a node may name: a larger count is a fault, not a cluster. */
  partitionsMax: 65_536,
  /** A connection that does not say hello in this time is given up and dialled again. */
  helloTimeoutMs: 2_000,
  /** Wait before the first, and the longest before any, attempt to reach a lost node; it must be found within 500 ms of its return. */
  redialDelayMsMin: 20,
  redialDelayMsMax: 400,
  /** Wait after a node of another cluster or protocol was met: only a person can mend that. */
  refusedRedialDelayMs: 5_000,
  /** The same for an address of the configuration that leads to no member while other nodes answer: it may be gone for good. */
  spareRedialDelayMs: 30_000,
  /** How long requests may stay on the stream to a node that has left before they are sent elsewhere; most are answered at once. */
  retireMsMax: 2_000,
  /** How long a request waits for news after its leader turned it away, before that leader is asked again with one request. */
  bounceRetryDelayMs: 40,
  /**
   * How long after a partition's leader changed its requests may still be with the old one, which may be frozen rather than
   * slow. Too short costs a request sent twice, which happens once all the same; longer, a longer outage.
   */
  strandedAfterMs: 100,
  /** Period of the search for requests past their deadline: an answer is late by this at most. */
  sweepPeriodMs: 100,
} as const;

export type RouterLimits = { readonly [name in keyof typeof routerLimits]: number };
