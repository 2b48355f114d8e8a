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
import { RequestStatus } from "../../contract/index.js";
import type { LeaderUpdate } from "../../gen/marconi/v1/partitions_pb.js";
import { failures } from "./failures.js";
import { Lane } from "./lane.js";
import { LeaderTable } from "./leader-table.js";
import type { RouterLimits } from "./limits.js";
import type { RouterLog } from "./log.js";
import type { LinkEvents, NodeLink } from "./node-link.js";
import { Nodes, type NodesOptions } from "./nodes.js";
import { Outstanding } from "./outstanding.js";
import { Request } from "./request.js";
import { type RouterStats, zeroCounters } from "./stats.js";
import { Unrouted } from "./unrouted.js";

export interface DispatcherOptions extends Omit<NodesOptions, "events" | "met" | "counters"> {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly limits: RouterLimits;
  readonly log: RouterLog;
  /** How long a request is tried, in milliseconds. */
  readonly requestTimeoutMs: number;
  /** A random session id: a safe integer >= 1. */
  readonly newSession: () => number;
}

/** Smaller requests are copied out of the encoder, larger ones take its buffer: either way little memory is kept beside them. */
const copiedBytesMax = 8_192;

/**
 * Brings each request to the leader of its partition and its answer back, through leader changes and broken streams. A
 * command keeps its session, sequence and bytes on every attempt, so that it happens once; a query is asked afresh.
 */
export class Dispatcher implements LinkEvents {
  readonly #options: DispatcherOptions;
  readonly #counters = zeroCounters();
  readonly #outstanding: Outstanding;
  readonly #unrouted: Unrouted;
  readonly #nodes: Nodes;
  readonly #encoder = new ByteWriter(1_024);
  /** Lanes whose waiting requests may go on once the frame at hand is done. */
  readonly #touched = new Set<Lane>();
  readonly #retry = (): void => {
    this.#retryWaiting();
  };
  #lanes: Lane[] = [];
  #leaders = new LeaderTable(0);
  #sweep: Timer | undefined;
  #retryTimer: Timer | undefined;
  /** Some request waits only because its leader's link is full. */
  #waitsForRoom = false;
  #closing = false;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#outstanding = new Outstanding(options.limits, this.#counters, options.log);
    this.#unrouted = new Unrouted(options.limits.unroutedRequestsMax);
    this.#nodes = new Nodes({
      ...options,
      counters: this.#counters,
      events: this,
      met: (partitionCount) => {
        this.#met(partitionCount);
      },
    });
  }

  /** Partitions of the cluster; 0 before any node was met. */
  get partitionCount(): number {
    return this.#lanes.length;
  }

  start(): void {
    this.#sweep = this.#options.timers.every(this.#options.limits.sweepPeriodMs, () => {
      this.#sweepNow();
    });
    this.#nodes.start();
  }

  /** Runs a command on the home partition of its queue. Rejects with MarconiError only. */
  command<C extends Command>(command: C, deadlineMs = this.#deadline()): Promise<Results[C["op"]]> {
    if (this.#closing) return Promise.reject(failures.shuttingDown());
    if (this.#lanes.length === 0) return this.#unrouted.wait(deadlineMs, () => this.command(command, deadlineMs));
    const lane = this.#lane(partitionOf(command.project, command.queue, this.#lanes.length));
    if (!this.#admits(lane)) return this.#refuse();
    const { session, lowWater } = lane;
    const sequence = lane.takeSequence();
    encodeCommand(this.#encoder, { session, sequence, lowWater }, command);
    return this.#submit<C["op"]>(lane, command.op, sequence, deadlineMs);
  }

  /** Asks the home partition of the query's queue. Rejects with MarconiError only. */
  query<Q extends Query>(query: Q, deadlineMs = this.#deadline()): Promise<Results[Q["op"]]> {
    if (this.#lanes.length === 0 && !this.#closing)
      return this.#unrouted.wait(deadlineMs, () => this.query(query, deadlineMs));
    const count = this.#lanes.length;
    return this.#ask(query, count === 0 ? 0 : partitionOf(query.project, query.queue, count), deadlineMs);
  }

  /** Asks every partition; the results are in the order of partitions. */
  queryAll<Q extends Query>(query: Q, deadlineMs = this.#deadline()): Promise<Results[Q["op"]][]> {
    if (this.#closing) return Promise.reject(failures.shuttingDown());
    if (this.#lanes.length === 0) return this.#unrouted.wait(deadlineMs, () => this.queryAll(query, deadlineMs));
    return Promise.all(this.#lanes.map((lane) => this.#ask(query, lane.partition, deadlineMs)));
  }

  /** True while every partition has a leader that serves and can be reached. */
  healthy(): boolean {
    return this.#lanes.length > 0 && this.#lanes.every((lane) => this.#leaderLink(lane) !== undefined);
  }

  stats(): RouterStats {
    let waiting = this.#unrouted.count;
    let withoutLeader = 0;
    for (const lane of this.#lanes) {
      waiting += lane.waiting.length;
      if (this.#leaderLink(lane) === undefined) withoutLeader += 1;
    }
    return {
      ...this.#counters,
      requestsInFlight: this.#nodes.inFlight,
      requestsWaiting: waiting,
      requestsOutstanding: this.#outstanding.count,
      outstandingBytes: this.#outstanding.bytes,
      nodesConnected: this.#nodes.connectedCount,
      partitions: this.#lanes.length,
      partitionsWithoutLeader: withoutLeader,
    };
  }

  /** Refuses new requests, waits up to `graceMs` for those accepted, gives up the rest and hangs up. */
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
    this.#retryTimer?.cancel();
    this.#nodes.close();
  }

  answered(link: NodeLink, request: Request, status: number, payload: Uint8Array, start: number, end: number): void {
    const lane = this.#lane(request.partition);
    if (status === RequestStatus.notLeader) {
      this.#counters.bounces += 1;
      request.release();
      this.#turnedAway(lane, link, request);
      return;
    }
    if (status === RequestStatus.unknownOutcome) {
      request.detach();
      this.#turnedAway(lane, link, request);
      return;
    }
    // Whatever else a node answers, it answers as the leader.
    if (link.nodeId !== undefined && this.#leaders.trust(lane.partition, link.nodeId)) this.#touched.add(lane);
    if (status === RequestStatus.ok) {
      this.#outstanding.succeed(lane, request, payload.subarray(start, end));
      return;
    }
    request.release();
    this.#refusedByLeader(lane, request, status);
  }

  leadersChanged(link: NodeLink, leaders: readonly LeaderUpdate[]): void {
    const sender = link.nodeId;
    if (sender === undefined) return;
    const strandedAtMs = this.#options.clock.monotonicMs() + this.#options.limits.strandedAfterMs;
    for (const { partition, term, leaderNodeId, serving } of leaders) {
      const lane = this.#lanes[partition];
      if (lane === undefined) {
        this.#options.log.error({ node: sender, partition }, "news of a partition that the cluster does not have");
        continue;
      }
      const news = { term: Number(term), leader: leaderNodeId, serving };
      const changed = this.#leaders.update(sender, partition, news);
      if (changed) {
        this.#counters.leaderChanges += 1;
        lane.strandedAtMs = strandedAtMs;
      }
      // A leader that others named already may have become reachable only now.
      if (changed || sender === leaderNodeId) this.#touched.add(lane);
    }
  }

  frameDone(): void {
    if (this.#touched.size === 0) return;
    for (const lane of this.#touched) this.#dispatch(lane);
    this.#touched.clear();
  }

  drained(): void {
    if (!this.#waitsForRoom) return;
    this.#waitsForRoom = false;
    for (const lane of this.#lanes) if (lane.waiting.length > 0) this.#dispatch(lane);
  }

  lost(link: NodeLink, requests: readonly Request[]): void {
    if (link.nodeId !== undefined) this.#leaders.forget(link.nodeId);
    this.#nodes.lost(link);
    for (const request of requests) {
      const lane = this.#lane(request.partition);
      lane.waiting.push(request);
      this.#touched.add(lane);
    }
    this.frameDone();
  }

  #met(partitionCount: number): void {
    const { newSession } = this.#options;
    this.#leaders = new LeaderTable(partitionCount);
    this.#lanes = Array.from({ length: partitionCount }, (_, partition) => new Lane(partition, newSession()));
    this.#outstanding.use(this.#lanes);
    this.#unrouted.release();
  }

  #deadline(): number {
    return this.#options.clock.monotonicMs() + this.#options.requestTimeoutMs;
  }

  #lane(partition: number): Lane {
    const lane = this.#lanes[partition];
    if (lane === undefined) throw new RangeError(`no partition ${String(partition)}`);
    return lane;
  }

  #ask<Q extends Query>(query: Q, partition: number, deadlineMs: number): Promise<Results[Q["op"]]> {
    if (this.#closing) return Promise.reject(failures.shuttingDown());
    const lane = this.#lane(partition);
    if (!this.#admits(lane)) return this.#refuse();
    encodeQuery(this.#encoder, query);
    return this.#submit<Q["op"]>(lane, query.op, 0, deadlineMs);
  }

  #leaderLink(lane: Lane): NodeLink | undefined {
    const leader = this.#leaders.leaderOf(lane.partition);
    return leader === undefined ? undefined : this.#nodes.linkOf(leader);
  }

  #admits(lane: Lane): boolean {
    return this.#outstanding.hasRoom(lane) && this.#leaderLink(lane)?.full !== true;
  }

  #refuse(): Promise<never> {
    this.#counters.overloaded += 1;
    return Promise.reject(failures.overloaded());
  }

  /** Takes what the encoder holds and sends it on its way. */
  #submit<O extends Operation>(lane: Lane, op: O, sequence: number, deadlineMs: number): Promise<Results[O]> {
    const bytes = this.#encoder.length <= copiedBytesMax ? this.#encoder.copy() : this.#encoder.take();
    this.#encoder.reset();
    return new Promise<Results[O]>((resolve, reject) => {
      // The result is decoded by the same operation, hence of its type.
      const settle = resolve as (result: unknown) => void;
      const request = new Request(lane.partition, op, bytes, sequence, deadlineMs, settle, reject);
      this.#outstanding.add(lane, request);
      const link = this.#leaderLink(lane);
      if (link === undefined) this.#park(lane, request);
      else link.enqueue(request);
    });
  }

  #turnedAway(lane: Lane, link: NodeLink, request: Request): void {
    if (link.nodeId !== undefined) this.#leaders.doubt(lane.partition, link.nodeId);
    lane.waiting.push(request);
    this.#touched.add(lane);
  }

  #refusedByLeader(lane: Lane, request: Request, status: number): void {
    switch (status) {
      case RequestStatus.overloaded:
      case RequestStatus.storageFull:
        // This attempt did nothing, but an earlier one may have: only a later attempt can tell.
        if (request.uncertain) this.#park(lane, request);
        else if (status === RequestStatus.overloaded) this.#outstanding.failOverloaded(lane, request);
        else this.#outstanding.fail(lane, request, failures.storageFull());
        return;
      case RequestStatus.forgotten:
        this.#outstanding.failUnknown(lane, request);
        return;
      default:
        this.#options.log.error({ operation: request.operation, status }, "a storage node refused to read a request");
        this.#outstanding.fail(lane, request, failures.internal("The storage could not read the request."));
    }
  }

  /** Keeps a request until there is news, or a pause is over if there is someone who could be asked. */
  #park(lane: Lane, request: Request): void {
    lane.waiting.push(request);
    if (this.#leaders.namedLeaderOf(lane.partition) !== undefined) this.#armRetry();
  }

  #armRetry(): void {
    if (this.#retryTimer !== undefined) return;
    this.#retryTimer = this.#options.timers.after(this.#options.limits.bounceRetryDelayMs, this.#retry);
  }

  /** Sends on what waits in a lane, if there is someone to send it to. */
  #dispatch(lane: Lane): void {
    if (lane.waiting.length === 0) return;
    const link = this.#leaderLink(lane);
    if (link === undefined) {
      if (this.#leaders.namedLeaderOf(lane.partition) !== undefined) this.#armRetry();
      return;
    }
    const waiting = lane.waiting;
    lane.waiting = [];
    for (const request of waiting) {
      if (request.settled) continue;
      if (!link.full) this.#send(link, request);
      else {
        lane.waiting.push(request);
        this.#waitsForRoom = true;
      }
    }
  }

  #send(link: NodeLink, request: Request): void {
    if (request.sent) this.#counters.retries += 1;
    link.enqueue(request);
  }

  /** After a pause: what an overloaded leader refused is sent again, and a leader in doubt is asked with one request. */
  #retryWaiting(): void {
    this.#retryTimer = undefined;
    for (const lane of this.#lanes) {
      if (lane.waiting.length === 0) continue;
      if (this.#leaders.leaderOf(lane.partition) === undefined) this.#probe(lane);
      else this.#dispatch(lane);
    }
  }

  #probe(lane: Lane): void {
    const named = this.#leaders.namedLeaderOf(lane.partition);
    const link = named === undefined ? undefined : this.#nodes.linkOf(named);
    if (link === undefined) return;
    lane.prune();
    const request = lane.waiting.shift();
    if (request === undefined) return;
    this.#send(link, request);
    if (lane.waiting.length > 0) this.#armRetry();
  }

  #sweepNow(): void {
    const nowMs = this.#options.clock.monotonicMs();
    const expired = this.#unrouted.expire(nowMs);
    this.#counters.noLeader += expired;
    this.#outstanding.expire(nowMs);
    for (const lane of this.#lanes) {
      if (lane.strandedAtMs === undefined || lane.strandedAtMs > nowMs) continue;
      lane.strandedAtMs = undefined;
      this.#recallStranded(lane);
    }
  }

  /** Takes requests back from a former leader that answers nothing; a living one has turned them away by now. */
  #recallStranded(lane: Lane): void {
    const link = this.#leaderLink(lane);
    if (link === undefined) return;
    for (const list of [lane.commands, lane.queries])
      for (let request = list.oldest; request !== undefined; request = request.newer) {
        const holder = request.link;
        if (holder === undefined || holder === link) continue;
        if (request.inFlight) {
          holder.abandon(request);
          request.detach();
          lane.waiting.push(request);
        } else lane.waiting.push(...holder.recall(lane.partition));
      }
    this.#dispatch(lane);
  }
}
