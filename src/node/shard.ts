import { type Clock, DecodeError, type Timer, type Timers } from "../base/index.js";
import { RequestStatus } from "../contract/index.js";
import {
  MessageFrame,
  type NodeId,
  type PeerHandlers,
  type PeerNetwork,
  readMessages,
  type SnapshotPart,
} from "../peer/index.js";
import type { Message, ReplicaId, SnapshotMeta, SnapshotOrder } from "../raft/index.js";
import type { GroupId, SegmentedShardLog, ViewableCheckpointStore } from "../storage/index.js";
import { type Logger, SteadyReadiness } from "../telemetry/index.js";
import { Balancer } from "./balancer.js";
import { Checkpointer } from "./checkpointer.js";
import type { GatewayConnection, LeaderUpdateInit } from "./gateway-connection.js";
import { nodeLimits } from "./limits.js";
import type { MemberMap } from "./members.js";
import type { Replica, ReplicaHost } from "./replica.js";
import type { ShardObserver } from "./shard-observer.js";
import type { SnapshotCounts } from "./snapshot-post.js";
import { SnapshotTransfers } from "./snapshot-transfers.js";

export interface ShardOptions {
  readonly nodeId: NodeId;
  readonly members: MemberMap;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: SegmentedShardLog;
  readonly store: ViewableCheckpointStore;
  readonly logger: Logger;
  /** Milliseconds of one Raft tick. */
  readonly tickMs: number;
  /** Bytes that a partition takes up in the log beyond its checkpoint, padding included, that make the next checkpoint due. */
  readonly checkpointLogBytes: number;
  /** Segments of the log beyond which partitions that keep old ones alive are checkpointed first. */
  readonly logSegmentsMax: number;
  readonly observer: ShardObserver;
  fatal(error: Error): void;
}

/**
 * One event loop's worth of a node: all replicas on it, their one log, one ticker, and a frame per peer and per gateway and
 * turn. Work is gathered while events come in and done once per event-loop turn.
 */
export class Shard implements ReplicaHost, PeerHandlers {
  readonly clock: Clock;
  readonly log: SegmentedShardLog;
  storageFull = false;
  readonly #options: ShardOptions;
  readonly #replicas = new Map<GroupId, Replica>();
  readonly #gateways = new Set<GatewayConnection>();
  /** Messages of this turn, by peer. */
  readonly #outboxes = new Map<NodeId, MessageFrame>();
  readonly #checkpointer: Checkpointer;
  readonly #transfers: SnapshotTransfers;
  readonly #balancer: Balancer;
  readonly #readiness: SteadyReadiness;
  readonly #isConnected = (node: NodeId): boolean => this.#network?.isConnected(node) ?? false;
  #network: PeerNetwork | undefined;
  #awake: Replica[] = [];
  #touched: GatewayConnection[] = [];
  #turnScheduled = false;
  #ticker: Timer | undefined;
  #leaderTransfers = 0;
  /** Requests turned away, by status. */
  readonly #refusals = new Float64Array(Object.keys(RequestStatus).length + 1);
  #gatewaysDropped = 0;
  #peerFramesDropped = 0;
  #draining = false;
  #stopped = false;

  constructor(options: ShardOptions) {
    this.#options = options;
    this.clock = options.clock;
    this.log = options.log;
    this.#checkpointer = new Checkpointer(options);
    const nodeOf = (replica: ReplicaId): NodeId => options.members.nodeOf(replica);
    this.#transfers = new SnapshotTransfers({ ...options, nodeOf }, this.#checkpointer);
    this.#readiness = new SteadyReadiness(options.clock, nodeLimits.unreadyGraceMs);
    this.#balancer = new Balancer(options.nodeId, options.members);
  }

  get replicas(): ReadonlyMap<GroupId, Replica> {
    return this.#replicas;
  }

  get gatewayCount(): number {
    return this.#gateways.size;
  }

  /** Bytes of answers that gateways have not taken yet. */
  get gatewayBufferedBytes(): number {
    let bytes = 0;
    for (const connection of this.#gateways) bytes += connection.bufferedBytes;
    return bytes;
  }

  /** Requests that were turned away at the door with `status`. */
  refusals(status: RequestStatus): number {
    return this.#refusals[status] ?? 0;
  }

  /** Streams of gateways that were closed because they did not take their answers. */
  get gatewaysDropped(): number {
    return this.#gatewaysDropped;
  }

  /** Frames that found the buffer towards their peer full. */
  get peerFramesDropped(): number {
    return this.#peerFramesDropped;
  }

  get snapshotsSending(): number {
    return this.#transfers.sending;
  }

  get snapshotsReceiving(): number {
    return this.#transfers.receiving;
  }

  get snapshotCounts(): SnapshotCounts {
    return this.#transfers.counts;
  }

  get leaderTransfers(): number {
    return this.#leaderTransfers;
  }

  /** Takes a replica in, with the checkpoint that it was restored from. */
  add(replica: Replica, checkpoint: SnapshotMeta | undefined): void {
    this.#replicas.set(replica.group, replica);
    if (checkpoint !== undefined) this.#checkpointer.adopt(replica.group, checkpoint);
  }

  /** Starts ticking. */
  start(network: PeerNetwork): void {
    this.#network = network;
    this.#transfers.start(network);
    let ticks = 0;
    this.#ticker = this.#options.timers.every(this.#options.tickMs, () => {
      this.#tick(ticks++);
    });
    for (const replica of this.#replicas.values()) this.wake(replica);
  }

  /**
   * Ends the work of this shard: no turn follows, so that nothing is handed to a log that is about to close. Gateways get what
   * was answered, then the end of their streams: what they still wait for they ask elsewhere, under the same request ids.
   */
  stop(): void {
    this.#stopped = true;
    this.#ticker?.cancel();
    for (const replica of this.#replicas.values()) replica.stop();
    this.#transfers.stop();
    for (const connection of this.#gateways) {
      connection.flush();
      connection.close();
    }
    this.#gateways.clear();
  }

  /** Every replica here knows its leader and has applied what it knows to be committed, but for moments. */
  get isReady(): boolean {
    return !this.#draining && this.#readiness.ready;
  }

  #noteReadiness(): void {
    for (const replica of this.#replicas.values()) if (replica.leadership.leader === 0 || replica.isCatchingUp) return;
    this.#readiness.note(true);
  }

  /** Waits for a checkpoint that is being written or installed, and for those who read one; call after `stop`. */
  async close(): Promise<void> {
    await this.#checkpointer.close();
    await this.#transfers.close();
  }

  #tick(ticks: number): void {
    for (const replica of this.#replicas.values()) replica.tick();
    this.#noteReadiness();
    const second = Math.max(1, Math.round(1_000 / this.#options.tickMs));
    if (ticks % second !== 0) return;
    this.#checkpointer.checkDue(this.#replicas);
    this.#transfers.sweep();
    if (ticks % (2 * second) === 0 && !this.#draining) this.#balance();
  }

  #balance(): void {
    for (const move of this.#balancer.moves(this.#replicas.values(), this.#isConnected)) {
      if (!move.replica.core.transferLeadership(move.to)) continue;
      this.#leaderTransfers++;
      this.wake(move.replica);
    }
  }

  /**
   * Hands every leadership to another replica that is up to date. Returns how many are left that somebody could take: those
   * without any other voter in reach are not worth waiting for.
   */
  drain(): number {
    this.#draining = true;
    let left = 0;
    for (const replica of this.#replicas.values()) {
      if (replica.leadership.role !== "leader") continue;
      const successors = this.#balancer.successors(replica, this.#isConnected);
      if (successors.length > 0) left++;
      if (successors.some((target) => replica.core.transferLeadership(target))) this.wake(replica);
    }
    return left;
  }

  /** Leaderships held here. */
  get ledCount(): number {
    let led = 0;
    for (const replica of this.#replicas.values()) if (replica.leadership.role === "leader") led++;
    return led;
  }

  // --- gateways

  attach(connection: GatewayConnection): void {
    if (this.#stopped) {
      connection.close();
      return;
    }
    this.#gateways.add(connection);
    for (const replica of this.#replicas.values()) connection.pushLeader(this.#leaderUpdate(replica));
    this.touched(connection);
  }

  detach(connection: GatewayConnection): void {
    this.#gateways.delete(connection);
  }

  request(connection: GatewayConnection, correlation: number, partition: number, request: Uint8Array): void {
    if (this.#stopped || connection.closed) return;
    const replica = this.#replicas.get(partition);
    if (replica !== undefined) {
      replica.request(connection, correlation, request);
      return;
    }
    connection.refuse(correlation, RequestStatus.notLeader);
    this.refused(RequestStatus.notLeader);
    this.touched(connection);
  }

  #leaderUpdate(replica: Replica): LeaderUpdateInit {
    const { term, leader } = replica.leadership;
    return {
      partition: replica.group,
      term: BigInt(term),
      leaderNodeId: leader === 0 ? "" : this.#options.members.nodeOf(leader),
      serving: replica.serving,
    };
  }

  // --- peers

  /** Throws DecodeError, before anything is done, for a frame that does not follow the format. */
  messages(from: NodeId, bytes: Uint8Array): void {
    if (this.#stopped) return;
    const sender = this.#options.members.replicaIdOf(from);
    const messages = readMessages(bytes);
    // Its rows come with it, or the replica would wait for ever for what it accepted.
    if (messages.some(({ message }) => message.type === "snapshot-request"))
      throw new DecodeError("a snapshot is announced by the offer of its rows");
    for (const { group, message } of messages) {
      const replica = this.#replicas.get(group);
      if (replica === undefined || message.from !== sender) continue;
      // Whoever is leaving takes no leadership back.
      if (this.#draining && message.type === "timeout-now") continue;
      replica.step(message);
    }
  }

  /** Throws DecodeError, before anything is done, for a part that does not follow the format. */
  snapshotPart(from: NodeId, part: SnapshotPart): void {
    if (this.#stopped) return;
    const replica = this.#replicas.get(part.group);
    if (replica !== undefined) this.#transfers.received(from, replica, part);
  }

  disconnected(node: NodeId, processGone: boolean): void {
    if (this.#stopped) return;
    const peer = this.#options.members.replicaIdOf(node);
    this.#transfers.disconnected(node);
    for (const replica of this.#replicas.values()) {
      replica.peerUnreachable(peer);
      if (processGone) replica.peerDown(peer);
    }
  }

  // --- what replicas ask of their host

  send(group: GroupId, message: Message): void {
    const node = this.#options.members.nodeOf(message.to);
    let outbox = this.#outboxes.get(node);
    if (outbox === undefined) {
      outbox = new MessageFrame();
      this.#outboxes.set(node, outbox);
    }
    outbox.add(group, message);
    if (outbox.length >= nodeLimits.peerFrameBytesMax) this.#flushOutbox(node, outbox);
    this.#scheduleTurn();
  }

  wake(replica: Replica): void {
    if (!replica.awake) {
      replica.awake = true;
      this.#awake.push(replica);
    }
    this.#scheduleTurn();
  }

  touched(connection: GatewayConnection): void {
    if (!connection.queued) {
      connection.queued = true;
      this.#touched.push(connection);
    }
    this.#scheduleTurn();
  }

  refused(status: RequestStatus): void {
    this.#refusals[status] = this.refusals(status) + 1;
  }

  leadershipChanged(replica: Replica): void {
    this.#options.observer.leaderChanged(replica);
    this.#transfers.leadershipChanged(replica);
    const update = this.#leaderUpdate(replica);
    for (const connection of this.#gateways) {
      connection.pushLeader(update);
      this.touched(connection);
    }
  }

  sendSnapshot(replica: Replica, order: SnapshotOrder): void {
    this.#transfers.send(replica, order, this.#options.members.nodeOf(order.to));
  }

  installSnapshot(replica: Replica, snapshot: SnapshotMeta): void {
    this.#transfers.install(replica, snapshot);
  }

  committed(latencyMs: number): void {
    this.#options.observer.committed(latencyMs);
  }

  fatal(error: Error): void {
    this.#options.fatal(error);
  }

  // --- the turn

  #scheduleTurn(): void {
    if (this.#turnScheduled || this.#stopped) return;
    this.#turnScheduled = true;
    this.#options.timers.soon(() => {
      this.#turn();
    });
  }

  #turn(): void {
    this.#turnScheduled = false;
    if (this.#stopped) return;
    const awake = this.#awake;
    this.#awake = [];
    for (const replica of awake) {
      replica.awake = false;
      replica.turn();
    }
    for (const [node, outbox] of this.#outboxes) if (outbox.length > 0) this.#flushOutbox(node, outbox);
    const touched = this.#touched;
    this.#touched = [];
    for (const connection of touched) {
      connection.queued = false;
      connection.flush();
      // It did not take its answers: whatever else is meant for it would only pile up.
      if (connection.closed && this.#gateways.delete(connection)) this.#gatewaysDropped++;
    }
  }

  #flushOutbox(node: NodeId, outbox: MessageFrame): void {
    const frame = outbox.take();
    const sent = this.#network?.send(node, frame) ?? false;
    if (sent || !this.#isConnected(node)) return;
    this.#peerFramesDropped++;
    // The stream's buffer is full: the messages are lost, and every group must probe the peer afresh.
    const peer = this.#options.members.replicaIdOf(node);
    for (const replica of this.#replicas.values()) replica.peerUnreachable(peer);
  }
}
