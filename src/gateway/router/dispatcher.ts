import { ByteWriter, type Clock, type Timer, type Timers } from "../../base/index.js";
import {
  type Command,
  encodeCommand,
  encodeQuery,
  type Operation,
  partitionOf,
  type Query,
  type Results,
} from "../../command/index.js";
import { Courier, type CourierOptions } from "./courier.js";
import { failures } from "./failures.js";
import type { Lane } from "./lane.js";
import type { RouterLimits } from "./limits.js";
import type { RouterLog } from "./log.js";
import { Outstanding } from "./outstanding.js";
import { Request } from "./request.js";
import { type RouterStats, zeroCounters } from "./stats.js";
import { Unrouted } from "./unrouted.js";

export interface DispatcherOptions extends Omit<CourierOptions, "met" | "counters" | "outstanding"> {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly limits: RouterLimits;
  readonly log: RouterLog;
  /** How long a request is tried, in milliseconds. */
  readonly requestTimeoutMs: number;
}

/** Smaller requests are copied out of the encoder, larger ones take its buffer: either way little memory is kept beside them. */
const copiedBytesMax = 8_192;

/**
 * Accepts commands and queries: chooses the partition, numbers a command, encodes it once, and keeps to bounds and
 * deadlines. A command keeps its session, sequence and bytes on every attempt, so that it happens once.
 */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #counters = zeroCounters();
  readonly #outstanding: Outstanding;
  readonly #unrouted: Unrouted;
  readonly #courier: Courier;
  readonly #encoder = new ByteWriter(1_024);
  #lanes: readonly Lane[] = [];
  #sweep: Timer | undefined;
  #closing = false;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#outstanding = new Outstanding(options.limits, this.#counters, options.log);
    this.#unrouted = new Unrouted(options.limits.unroutedRequestsMax);
    this.#courier = new Courier({
      ...options,
      counters: this.#counters,
      outstanding: this.#outstanding,
      met: (lanes) => {
        this.#lanes = lanes;
        this.#outstanding.use(lanes);
        this.#unrouted.release();
      },
    });
  }

  start(): void {
    this.#sweep = this.#options.timers.every(this.#options.limits.sweepPeriodMs, () => {
      this.#sweepNow();
    });
    this.#courier.nodes.start();
  }

  /** Runs a command on the home partition of its queue. Rejects with MarconiError only. */
  command<C extends Command>(command: C, deadlineMs = this.#deadline()): Promise<Results[C["op"]]> {
    if (this.#closing) return Promise.reject(failures.shuttingDown());
    const lane = this.#homeOf(command);
    if (lane === undefined) return this.#unrouted.wait(deadlineMs, () => this.command(command, deadlineMs));
    if (!this.#admits(lane)) return this.#refuse();
    const { session, lowWater } = lane;
    const sequence = lane.takeSequence();
    this.#encoder.reset();
    encodeCommand(this.#encoder, { session, sequence, lowWater }, command);
    return this.#submit<C["op"]>(lane, command.op, sequence, deadlineMs);
  }

  /** Asks the home partition of the query's queue. Rejects with MarconiError only. */
  query<Q extends Query>(query: Q, deadlineMs = this.#deadline()): Promise<Results[Q["op"]]> {
    if (this.#closing) return Promise.reject(failures.shuttingDown());
    const lane = this.#homeOf(query);
    if (lane === undefined) return this.#unrouted.wait(deadlineMs, () => this.query(query, deadlineMs));
    return this.#ask(lane, query, deadlineMs);
  }

  /** Asks every partition; the results are in the order of partitions. Rejects with the first error. */
  queryAll<Q extends Query>(query: Q, deadlineMs = this.#deadline()): Promise<Results[Q["op"]][]> {
    if (this.#closing) return Promise.reject(failures.shuttingDown());
    if (this.#lanes.length === 0) return this.#unrouted.wait(deadlineMs, () => this.queryAll(query, deadlineMs));
    return Promise.all(this.#lanes.map((lane) => this.#ask(lane, query, deadlineMs)));
  }

  /** True while every partition has a leader that serves and can be reached. */
  healthy(): boolean {
    return this.#lanes.length > 0 && this.#lanes.every((lane) => this.#courier.leaderLink(lane) !== undefined);
  }

  stats(): RouterStats {
    let waiting = this.#unrouted.count;
    let withoutLeader = 0;
    for (const lane of this.#lanes) {
      waiting += lane.waiting.length;
      if (this.#courier.leaderLink(lane) === undefined) withoutLeader += 1;
    }
    return {
      ...this.#counters,
      requestsInFlight: this.#courier.nodes.inFlight,
      requestsWaiting: waiting,
      requestsOutstanding: this.#outstanding.count,
      outstandingBytes: this.#outstanding.bytes,
      nodesConnected: this.#courier.nodes.connectedCount,
      partitions: this.#lanes.length,
      partitionsWithoutLeader: withoutLeader,
    };
  }

  /** Refuses new requests, waits up to `graceMs` for those accepted, gives up the rest and hangs up. A second call ends the grace. */
  async close(graceMs: number): Promise<void> {
    if (!this.#closing) {
      this.#closing = true;
      this.#unrouted.stop();
      await new Promise<void>((resolve) => {
        const timer = this.#options.timers.after(graceMs, resolve);
        this.#outstanding.whenNone(() => {
          timer.cancel();
          resolve();
        });
      });
    }
    this.#outstanding.stop();
    this.#sweep?.cancel();
    this.#courier.stop();
  }

  #deadline(): number {
    return this.#options.clock.monotonicMs() + this.#options.requestTimeoutMs;
  }

  /** Undefined before any node was met. */
  #homeOf({ project, queue }: { readonly project: string; readonly queue: string }): Lane | undefined {
    const count = this.#lanes.length;
    return count === 0 ? undefined : this.#lanes[partitionOf(project, queue, count)];
  }

  #ask<Q extends Query>(lane: Lane, query: Q, deadlineMs: number): Promise<Results[Q["op"]]> {
    if (!this.#admits(lane)) return this.#refuse();
    this.#encoder.reset();
    encodeQuery(this.#encoder, query);
    return this.#submit<Q["op"]>(lane, query.op, 0, deadlineMs);
  }

  #admits(lane: Lane): boolean {
    return this.#outstanding.hasRoom(lane) && this.#courier.leaderLink(lane)?.full !== true;
  }

  #refuse(): Promise<never> {
    this.#counters.overloaded += 1;
    return Promise.reject(failures.overloaded());
  }

  /** Takes what the encoder holds and sends it on its way. */
  #submit<O extends Operation>(lane: Lane, op: O, sequence: number, deadlineMs: number): Promise<Results[O]> {
    const bytes = this.#encoder.length <= copiedBytesMax ? this.#encoder.copy() : this.#encoder.take();
    return new Promise<Results[O]>((resolve, reject) => {
      // The result is decoded by the same operation, hence of its type.
      const settle = resolve as (result: unknown) => void;
      const request = new Request(lane.partition, op, bytes, sequence, deadlineMs, settle, reject);
      this.#outstanding.add(lane, request);
      this.#courier.deliver(lane, request);
    });
  }

  #sweepNow(): void {
    const nowMs = this.#options.clock.monotonicMs();
    this.#counters.noLeader += this.#unrouted.expire(nowMs);
    this.#outstanding.expire(nowMs);
    this.#courier.recallStranded(nowMs);
  }
}
