import type { LatencySummary } from "./latency-histogram.js";

/** What the load generator is told to do; it lives in a process of its own, so that its CPU can be told from the cluster's. */
export interface LoadOrder {
  readonly host: string;
  readonly port: number;
  /** `post`: post, over and over. `cycle`: post, claim, delete what was claimed. */
  readonly kind: "post" | "cycle";
  /** Connection i uses queue i modulo their number. They exist. */
  readonly queues: readonly string[];
  readonly connections: number;
  readonly messagesPerPost: number;
  readonly bodyBytes: number;
  readonly warmupMs: number;
  readonly measureMs: number;
  /** Stop posting after this many messages, however long it takes; 0: by time. */
  readonly messagesMax: number;
  /**
   * Messages that all connections together are to post in a second; left out: as many as they can. What a slow answer delayed is
   * made up for afterwards.
   */
  readonly messagesPerSecond?: number;
  /** Tell what was done in each such time, until told to stop: there is no other end then, and the last one is the result. */
  readonly periodMs?: number;
}

export interface LoadResult {
  readonly seconds: number;
  /** Messages of acknowledged requests. */
  readonly posted: number;
  readonly claimed: number;
  readonly deleted: number;
  /** Claims that found nothing, because others had taken it. */
  readonly emptyClaims: number;
  readonly all: LatencySummary;
  readonly posts: LatencySummary;
  readonly claims: LatencySummary;
  readonly deletes: LatencySummary;
  /** "post 503": how often. Also "reconnect". */
  readonly unexpected: Readonly<Record<string, number>>;
  /** Of the load generator itself, microseconds. */
  readonly cpuUs: number;
}

export type ToLoad = { readonly order: LoadOrder } | "stop";

/** `opened` and `closed` bracket the time that is measured; `ready` and `idle`: the next order may come. */
export type FromLoad =
  { readonly type: "ready" | "opened" | "idle" } | { readonly type: "period" | "closed"; readonly result: LoadResult };
