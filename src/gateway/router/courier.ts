import type { Clock, Timer } from "../../base/index.js";
import { RequestStatus } from "../../contract/index.js";
import type { LeaderUpdate } from "../../gen/marconi/v1/partitions_pb.js";
import { failures } from "./failures.js";
import { Lane } from "./lane.js";
import { LeaderTable } from "./leader-table.js";
import type { LinkEvents, NodeLink } from "./node-link.js";
import { Nodes, type NodesOptions } from "./nodes.js";
import type { Outstanding } from "./outstanding.js";
import type { Request } from "./request.js";

export interface CourierOptions extends Omit<NodesOptions, "events" | "met"> {
  readonly clock: Clock;
  readonly outstanding: Outstanding;
  /** A random session id: a safe integer >= 1. */
  readonly newSession: () => number;
  /** Called once, when the first node was met. */
  readonly met: (lanes: readonly Lane[]) => void;
}

/**
 * Brings requests to the leader of their partition and their answers back, through leader changes and broken streams. A
 * request that is turned away waits for news or a short pause, never in a loop.
 */
export class Courier implements LinkEvents {
  readonly #options: CourierOptions;
  readonly #outstanding: Outstanding;
  readonly #nodes: Nodes;
  /** Lanes whose waiting requests may go on once the frame at hand is done. */
  readonly #touched = new Set<Lane>();
  readonly #retry = (): void => {
    this.#retryWaiting();
  };
  #lanes: readonly Lane[] = [];
  #leaders = new LeaderTable(0);
  #retryTimer: Timer | undefined;
  /** Some request waits only because its leader's link is full. */
  #waitsForRoom = false;

  constructor(options: CourierOptions) {
    this.#options = options;
    this.#outstanding = options.outstanding;
    this.#nodes = new Nodes({
      ...options,
      events: this,
      met: (partitionCount) => {
        this.#met(partitionCount);
      },
    });
  }

  get nodes(): Nodes {
    return this.#nodes;
  }

  /** The link to the node to ask; undefined while there is none. */
  leaderLink(lane: Lane): NodeLink | undefined {
    const leader = this.#leaders.leaderOf(lane.partition);
    return leader === undefined ? undefined : this.#nodes.linkOf(leader);
  }

  /** Sends a new request on its way. */
  deliver(lane: Lane, request: Request): void {
    const link = this.leaderLink(lane);
    if (link === undefined) this.#park(lane, request);
    else link.enqueue(request);
  }

  /** Takes requests back from former leaders that answer nothing; living ones have turned them away by now. */
  recallStranded(nowMs: number): void {
    for (const lane of this.#lanes) {
      if (lane.strandedAtMs === undefined || lane.strandedAtMs > nowMs) continue;
      lane.strandedAtMs = undefined;
      this.#recall(lane);
    }
  }

  stop(): void {
    this.#retryTimer?.cancel();
    this.#nodes.close();
  }

  answered(link: NodeLink, request: Request, status: number, payload: Uint8Array, start: number, end: number): void {
    const lane = this.#lane(request);
    if (status === RequestStatus.notLeader) {
      this.#options.counters.bounces += 1;
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
    // A link that another one to the same node has replaced may bring old news.
    if (sender === undefined || this.#nodes.linkOf(sender) !== link) return;
    const { clock, counters, limits, log } = this.#options;
    const strandedAtMs = clock.monotonicMs() + limits.strandedAfterMs;
    for (const { partition, term, leaderNodeId, serving } of leaders) {
      const lane = this.#lanes[partition];
      if (lane === undefined) {
        log.error({ node: sender, partition }, "news of a partition that the cluster does not have");
        continue;
      }
      const changed = this.#leaders.update(sender, partition, { term: Number(term), leader: leaderNodeId, serving });
      if (changed) {
        counters.leaderChanges += 1;
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
    for (const lane of this.#lanes) this.#dispatch(lane);
  }

  lost(link: NodeLink, requests: readonly Request[]): void {
    const wasUsed = this.#nodes.lost(link);
    if (wasUsed && link.nodeId !== undefined) this.#leaders.forget(link.nodeId);
    for (const request of requests) {
      const lane = this.#lane(request);
      lane.waiting.push(request);
      this.#touched.add(lane);
    }
    this.frameDone();
  }

  #met(partitionCount: number): void {
    const { newSession, met } = this.#options;
    this.#leaders = new LeaderTable(partitionCount);
    this.#lanes = Array.from({ length: partitionCount }, (_, partition) => new Lane(partition, newSession()));
    met(this.#lanes);
  }

  #lane({ partition }: Request): Lane {
    const lane = this.#lanes[partition];
    if (lane === undefined) throw new RangeError(`no partition ${String(partition)}`);
    return lane;
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
    this.#armRetry(lane);
  }

  /** Without a leader that was named, only news can help. */
  #armRetry(lane: Lane): void {
    if (this.#retryTimer !== undefined || this.#leaders.namedLeaderOf(lane.partition) === undefined) return;
    const { timers, limits } = this.#options;
    this.#retryTimer = timers.after(limits.bounceRetryDelayMs, this.#retry);
  }

  /** Sends on what waits in a lane, if there is someone to send it to. */
  #dispatch(lane: Lane): void {
    if (lane.waiting.length === 0) return;
    const link = this.leaderLink(lane);
    if (link === undefined) {
      this.#armRetry(lane);
      return;
    }
    const waiting = lane.waiting;
    lane.waiting = [];
    for (const request of waiting) {
      if (!link.full) this.#send(link, request);
      else {
        lane.waiting.push(request);
        this.#waitsForRoom = true;
      }
    }
  }

  #send(link: NodeLink, request: Request): void {
    if (request.sent) this.#options.counters.retries += 1;
    link.enqueue(request);
  }

  /** After a pause: what an overloaded leader refused is sent again, and a leader in doubt is asked with one request. */
  #retryWaiting(): void {
    this.#retryTimer = undefined;
    for (const lane of this.#lanes) {
      if (this.#leaders.leaderOf(lane.partition) === undefined) this.#probe(lane);
      else this.#dispatch(lane);
    }
  }

  #probe(lane: Lane): void {
    const named = this.#leaders.namedLeaderOf(lane.partition);
    const link = named === undefined ? undefined : this.#nodes.linkOf(named);
    const request = link === undefined ? undefined : lane.waiting.shift();
    if (link === undefined || request === undefined) return;
    this.#send(link, request);
    if (lane.waiting.length > 0) this.#armRetry(lane);
  }

  #recall(lane: Lane): void {
    const link = this.leaderLink(lane);
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
