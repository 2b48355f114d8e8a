/**
 * The road from a gateway to the leaders of partitions: one stream per storage node, frames of many requests, leaders learned
 * by push, bounded waiting while there is none, and retries under one request id. May import `base`, `contract`, `command`,
 * `rpc` and the generated code. Promises: every call settles exactly once, within its timeout and one sweep; an error says
 * whether the request may have been done; nothing is held in memory without a bound (limits.ts).
 */
import { randomBytes } from "node:crypto";
import type { ChannelCredentials } from "@grpc/grpc-js";
import { type Clock, type Rng, systemClock, systemTimers, type Timers, Xoshiro128 } from "../../base/index.js";
import { GrpcTransport } from "./grpc-transport.js";
import { type RouterLimits, routerLimits } from "./limits.js";
import type { RouterLog } from "./log.js";
import { PartitionRouter } from "./partition-router.js";
import { randomSession } from "./random-session.js";
import type { Transport } from "./transport.js";

export { type RouterLimits, routerLimits } from "./limits.js";
export type { RouterLog } from "./log.js";
export { PartitionRouter } from "./partition-router.js";
export type { RouterStats } from "./stats.js";
export type { Connection, ConnectionHandlers, Transport } from "./transport.js";

export interface RouterOptions {
  /** host:port of storage nodes; the others are learned from them. */
  readonly nodes: readonly string[];
  readonly log: RouterLog;
  /** How long a request is tried before its client hears 503, in milliseconds; default 10,000. */
  readonly requestTimeoutMs?: number;
  /** Nodes of other clusters are not used; default: the cluster of the first node met. */
  readonly clusterId?: string;
  /** This process in the logs of nodes; default "gateway". */
  readonly gateway?: string;
  /** Departures from routerLimits. */
  readonly limits?: Partial<RouterLimits>;
  /** For gRPC; default: no encryption. */
  readonly credentials?: ChannelCredentials;
  // What a simulation puts in place of this machine.
  readonly transport?: Transport;
  readonly clock?: Clock;
  readonly timers?: Timers;
  /** Spreads redials. */
  readonly rng?: Rng;
  /** Draws a session id, a safe integer >= 1, once per partition. */
  readonly newSession?: () => number;
}

const requestTimeoutDefaultMs = 10_000;

/** A router that dials its nodes from now on, until `close`. */
export function createRouter(options: RouterOptions): PartitionRouter {
  const limits: RouterLimits = { ...routerLimits, ...options.limits };
  const { credentials } = options;
  const router = new PartitionRouter({
    addresses: options.nodes,
    clusterId: options.clusterId ?? "",
    gateway: options.gateway ?? "gateway",
    transport:
      options.transport ??
      new GrpcTransport({
        unsentBytesMax: limits.unsentBytesMax,
        ...(credentials === undefined ? {} : { credentials }),
      }),
    clock: options.clock ?? systemClock,
    timers: options.timers ?? systemTimers,
    rng: options.rng ?? new Xoshiro128(randomBytes(4).readUInt32LE(0)),
    newSession: options.newSession ?? randomSession,
    limits,
    log: options.log,
    requestTimeoutMs: options.requestTimeoutMs ?? requestTimeoutDefaultMs,
  });
  router.start();
  return router;
}
