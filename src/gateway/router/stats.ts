/** What the router counts; read it at every scrape. Counters only ascend; gauges are as of the call. */
export interface RouterStats {
  /** Gauge: requests on a stream whose answer has not come. */
  readonly requestsInFlight: number;
  /** Gauge: requests that wait for a leader. */
  readonly requestsWaiting: number;
  /** Gauge: requests accepted and not answered, wherever they are. */
  readonly requestsOutstanding: number;
  /** Gauge: their encoded bytes. */
  readonly outstandingBytes: number;
  /** Gauge: nodes with a working stream. */
  readonly nodesConnected: number;
  /** Gauge: partitions of the cluster; 0 before any node was met. */
  readonly partitions: number;
  /** Gauge: partitions that nobody can be asked for now. */
  readonly partitionsWithoutLeader: number;
  /** Counter: requests accepted. */
  readonly requests: number;
  /** Counter: requests answered with a result. */
  readonly results: number;
  /** Counter: requests sent again, for whatever reason. */
  readonly retries: number;
  /** Counter: requests turned away by a node that does not lead. */
  readonly bounces: number;
  /** Counter: news of another leader or of a leader that serves. */
  readonly leaderChanges: number;
  /** Counter: streams that broke after they had worked. */
  readonly streamsLost: number;
  /** Counter: attempts to connect. */
  readonly dials: number;
  /** Counter: frames of requests, and the requests in them: their quotient is the size of a batch. */
  readonly framesSent: number;
  readonly requestsSent: number;
  /** Counter: frames received, and the answers in them. */
  readonly framesReceived: number;
  readonly answersReceived: number;
  /** Counter: answers to requests that had been given up. */
  readonly answersLate: number;
  /** Counter: requests refused because a bound was reached, here or at a node. */
  readonly overloaded: number;
  /** Counter: requests whose time ran out and that certainly had no effect. */
  readonly noLeader: number;
  /** Counter: requests given up that may have been executed. */
  readonly unknownOutcomes: number;
}

type Gauge =
  | "requestsInFlight"
  | "requestsWaiting"
  | "requestsOutstanding"
  | "outstandingBytes"
  | "nodesConnected"
  | "partitions"
  | "partitionsWithoutLeader";

/** The counters of RouterStats, written where things happen. */
export type RouterCounters = Record<Exclude<keyof RouterStats, Gauge>, number>;

export function zeroCounters(): RouterCounters {
  return {
    requests: 0,
    results: 0,
    retries: 0,
    bounces: 0,
    leaderChanges: 0,
    streamsLost: 0,
    dials: 0,
    framesSent: 0,
    requestsSent: 0,
    framesReceived: 0,
    answersReceived: 0,
    answersLate: 0,
    overloaded: 0,
    noLeader: 0,
    unknownOutcomes: 0,
  };
}
