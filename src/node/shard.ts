import { assert, type Clock, DecodeError, type Timer, type Timers } from "../base/index.js";
import { metaGroup, seatOf } from "../cluster/index.js";
import { RequestStatus } from "../contract/index.js";
import {
  MessageFrame,
  type NodeId,
  type PeerHandlers,
  type PeerNetwork,
  readMessages,
  type SnapshotPart,
} from "../peer/index.js";
import type { MachineLoader } from "../partition/index.js";
import type { Message, ReplicaId, SnapshotMeta, SnapshotOrder } from "../raft/index.js";
import type { GroupId, SegmentedShardLog, ViewableCheckpointStore } from "../storage/index.js";
import { type Logger, SteadyReadiness } from "../telemetry/index.js";
import { Balancer } from "./balancer.js";
import { Checkpointer } from "./checkpointer.js";
import type { ClusterView } from "./cluster-view.js";
import type { GatewayConnection, LeaderUpdateInit } from "./gateway-connection.js";
import { nodeLimits } from "./limits.js";
import type { Replica, ReplicaHost } from "./replica.js";
import type { ShardObserver } from "./shard-observer.js";
import type { SnapshotCounts } from "./snapshot-post.js";
import { SnapshotTransfers } from "./snapshot-transfers.js";
import { TurnBudget } from "./turn-budget.js";
import { WorkQueue } from "./work-queue.js";

export interface ShardOptions {
  readonly view: ClusterView;
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
  /** A loader of the state machine of a group. */
  loaderOf(group: GroupId): MachineLoader;
  fatal(error: Error): void;
}

/**
 * One event loop's worth of a node: all replicas on it, their one log, one ticker, and a frame per peer and per gateway and
 * turn. Work is gathered while events come in and done once per event-loop turn.
 */
export class Shard implements ReplicaHost, Omit<PeerHandlers, "connected" | "control"> {
  readonly clock: Clock;
  readonly log: SegmentedShardLog;
  storageFull = false;
  saturated = false;
  readonly #options: ShardOptions;
  readonly #replicas = new Map<GroupId, Replica>();
  readonly #gateways = new Set<GatewayConnection>();
  /** Messages of this turn, by peer. */
  readonly #outboxes = new Map<NodeId, MessageFrame>();
  readonly #checkpointer: Checkpointer;
  readonly #transfers: SnapshotTransfers;
  readonly #balancer: Balancer;
  readonly #readiness: SteadyReadiness;
  /** Nodes to which no leadership is handed. */
  isUnfit: (node: NodeId) => boolean = () => false;
  readonly #mayTakeOver = (node: NodeId): boolean => this.#isConnected(node) && !this.isUnfit(node);
  #network: PeerNetwork | undefined;
  readonly #budget: TurnBudget;
  readonly #awake: WorkQueue<Replica>;
  /** Replicas whose state machines have work. */
  readonly #working: WorkQueue<Replica>;
  #touched: GatewayConnection[] = [];
  #turnScheduled = false;
  #ticker: Timer | undefined;
  #leaderTransfers = 0;
  #leasedReads = 0;
  /** Requests turned away, by status. */
  readonly #refusals = new Float64Array(Object.keys(RequestStatus).length + 1);
  #gatewaysDropped = 0;
  #peerFramesDropped = 0;
  #draining = false;
  #standsAside = false;
  #stopped = false;

  constructor(options: ShardOptions) {
    this.#options = options;
    this.clock = options.clock;
    this.log = options.log;
    this.#checkpointer = new Checkpointer(options);
    const nodeOf = (replica: ReplicaId): NodeId | undefined => options.view.nodeOf(replica);
    this.#transfers = new SnapshotTransfers({ ...options, nodeOf }, this.#checkpointer);
    this.#readiness = new SteadyReadiness(options.clock, nodeLimits.unreadyGraceMs);
    this.#balancer = new Balancer(options.view, options.clock);
    this.#budget = new TurnBudget(options.clock);
    this.#awake = new WorkQueue(this.#budget);
    this.#working = new WorkQueue(this.#budget);
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
    if (this.#network !== undefined) this.wake(replica);
  }

  /**
   * Removes whatever there is of a group: the replica stops at once, its log and its checkpoint are gone when this resolves. For
   * groups that others hold now, or whose data is of no use.
   */
  async discard(group: GroupId): Promise<void> {
    const replica = this.#replicas.get(group);
    if (replica !== undefined) {
      this.#replicas.delete(group);
      replica.stop();
      replica.turnAway();
      this.#transfers.forget(replica);
      this.#options.observer.leaderChanged(replica);
    }
    await this.#checkpointer.exclusively(async () => {
      if (this.#stopped) return;
      this.#checkpointer.forget(group);
      // In this order: what a crash leaves is a log that lacks its checkpoint, which is known to be of no use.
      await this.#options.store.clear(group);
      if (this.log.holds(group)) await this.log.removeGroup(group);
    });
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

  #isConnected(node: NodeId): boolean {
    return this.#network?.isConnected(node) ?? false;
  }

  #noteReadiness(): void {
    for (const replica of this.#replicas.values()) if (replica.leadership.leader === 0 || replica.isCatchingUp) return;
    this.#readiness.note(true);
  }

  #noteSaturation(): void {
    let queuedBytes = 0;
    for (const replica of this.#replicas.values()) queuedBytes += replica.queuedBytes;
    const { pendingBytes } = this.log.stats();
    this.saturated = queuedBytes > nodeLimits.shardQueuedBytesMax || pendingBytes > nodeLimits.logPendingBytesMax;
  }

  /** Waits for a checkpoint that is being written or installed, and for those who read one; call after `stop`. */
  async close(): Promise<void> {
    await this.#checkpointer.close();
    await this.#transfers.close();
  }

  #tick(ticks: number): void {
    for (const replica of this.#replicas.values()) replica.tick();
    this.#noteReadiness();
    this.#noteSaturation();
    const second = Math.max(1, Math.round(1_000 / this.#options.tickMs));
    if (ticks % second !== 0) return;
    for (const replica of this.#replicas.values()) replica.pace();
    this.#checkpointer.checkDue(this.#replicas);
    this.#transfers.sweep();
    if (ticks % (2 * second) === 0 && !this.#draining && !this.#standsAside) this.#balance();
  }

  #balance(): void {
    for (const move of this.#balancer.moves(this.#replicas.values(), this.#mayTakeOver))
      if (this.transfer(move.replica, move.to)) this.#balancer.began(move);
  }

  /** Voters of a group in reach, the one with the longest log first. */
  successors(replica: Replica): ReplicaId[] {
    return this.#balancer.successors(replica, this.#mayTakeOver);
  }

  /** Begins to hand a leadership over; false when that one cannot take it soon. */
  transfer(replica: Replica, to: ReplicaId): boolean {
    if (!replica.core.transferLeadership(to)) return false;
    this.#leaderTransfers++;
    this.wake(replica);
    return true;
  }

  /**
   * Hands every leadership to another replica that is up to date. Returns how many are left that somebody could take: those
   * without any other voter in reach are not worth waiting for.
   */
  drain(): number {
    this.#draining = true;
    return this.#handOver(this.#replicas.values());
  }

  /** How many leaderships are left that somebody in reach could take. */
  #handOver(replicas: Iterable<Replica>): number {
    let left = 0;
    for (const replica of replicas) {
      if (replica.leadership.role !== "leader") continue;
      const successors = this.successors(replica);
      if (successors.length > 0) left++;
      if (successors.some((target) => replica.core.transferLeadership(target))) this.wake(replica);
    }
    return left;
  }

  /** Replicas for which `shall` holds do not campaign from now on, and hand over what they lead. */
  standAside(shall: (replica: Replica) => boolean): void {
    const aside: Replica[] = [];
    for (const replica of this.#replicas.values()) {
      const stands = shall(replica);
      replica.core.standAside(stands);
      if (stands) aside.push(replica);
    }
    this.#standsAside = aside.length > 0;
    this.#handOver(aside);
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
    for (const replica of this.#replicas.values())
      if (replica.group !== metaGroup) connection.pushLeader(this.#leaderUpdate(replica));
    this.touched(connection);
  }

  /** The cluster map changed: gateways learn which nodes there are. */
  membershipChanged(): void {
    const membership = this.#options.view.membership();
    for (const connection of this.#gateways) {
      connection.pushMembership(membership);
      this.touched(connection);
    }
  }

  detach(connection: GatewayConnection): void {
    this.#gateways.delete(connection);
  }

  request(connection: GatewayConnection, correlation: number, partition: number, request: Uint8Array): void {
    if (this.#stopped || connection.closed) return;
    const replica = this.#replicas.get(partition);
    if (replica !== undefined && partition !== metaGroup) {
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
      leaderNodeId: leader === 0 ? "" : (this.#options.view.nodeOf(leader) ?? ""),
      serving: replica.serving,
    };
  }

  // --- peers

  /** Throws DecodeError, before anything is done, for a frame that does not follow the format. */
  messages(from: NodeId, bytes: Uint8Array): void {
    if (this.#stopped) return;
    const sender = this.#options.view.seatOfNode(from);
    const messages = readMessages(bytes);
    // Its rows come with it, or the replica would wait for ever for what it accepted.
    if (messages.some(({ message }) => message.type === "snapshot-request"))
      throw new DecodeError("a snapshot is announced by the offer of its rows");
    for (const { group, message } of messages) {
      const replica = this.#replicas.get(group);
      if (replica === undefined || seatOf(message.from) !== sender) continue;
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
    this.#transfers.disconnected(node);
    this.#eachReplicaOn(node, (replica, peer) => {
      replica.peerUnreachable(peer);
      if (processGone) replica.peerDown(peer);
    });
  }

  /** Calls `visit` for every group here that has a replica on `node`. */
  #eachReplicaOn(node: NodeId, visit: (replica: Replica, peer: ReplicaId) => void): void {
    const seat = this.#options.view.seatOfNode(node);
    for (const replica of this.#replicas.values()) {
      const { voters, outgoing, learners } = replica.configuration;
      for (const ids of [voters, outgoing, learners])
        for (const id of ids) if (seatOf(id) === seat && id !== replica.id) visit(replica, id);
    }
  }

  // --- what replicas ask of their host

  send(group: GroupId, message: Message): void {
    const node = this.#options.view.nodeOf(message.to);
    // Its node is no member any more, or not known yet: lost, like a message on a broken stream.
    if (node === undefined) return;
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
    replica.awake = true;
    this.#awake.add(replica);
    this.#scheduleTurn();
  }

  touched(connection: GatewayConnection): void {
    if (!connection.queued) {
      connection.queued = true;
      this.#touched.push(connection);
    }
    this.#scheduleTurn();
  }

  readUnderLease(replica: Replica): void {
    assert(replica.serving, "who holds a lease leads and serves");
    this.#leasedReads++;
  }

  /** Reads that were answered without asking the others. */
  get leasedReads(): number {
    return this.#leasedReads;
  }

  refused(status: RequestStatus): void {
    this.#refusals[status] = this.refusals(status) + 1;
  }

  leadershipChanged(replica: Replica): void {
    this.#options.observer.leaderChanged(replica);
    this.#transfers.leadershipChanged(replica);
    if (replica.group === metaGroup) return;
    const update = this.#leaderUpdate(replica);
    for (const connection of this.#gateways) {
      connection.pushLeader(update);
      this.touched(connection);
    }
  }

  sendSnapshot(replica: Replica, order: SnapshotOrder): void {
    this.#transfers.send(replica, order, this.#options.view.nodeOf(order.to));
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
    if (this.#stopped) return;
    this.#budget.begin();
    // First what other nodes wait for, votes above all: it is short. No election waits for anybody's state machine.
    this.#awake.serve((replica) => {
      replica.awake = false;
      replica.turn();
      if (replica.hasWork) this.#working.add(replica);
    });
    this.#flushOutboxes();
    this.#working.serve((replica) => {
      replica.work(this.#budget);
      if (replica.hasWork) this.#working.add(replica);
    });
    this.#flushOutboxes();
    const touched = this.#touched;
    this.#touched = [];
    for (const connection of touched) {
      connection.queued = false;
      connection.flush();
      // It did not take its answers: whatever else is meant for it would only pile up.
      if (connection.closed && this.#gateways.delete(connection)) this.#gatewaysDropped++;
    }
    // Not before: what this turn sent and answered is on its way and needs no turn of its own.
    this.#turnScheduled = false;
    if (!this.#awake.isEmpty || !this.#working.isEmpty || this.#touched.length > 0) this.#scheduleTurn();
  }

  #flushOutboxes(): void {
    for (const [node, outbox] of this.#outboxes) if (outbox.length > 0) this.#flushOutbox(node, outbox);
  }

  #flushOutbox(node: NodeId, outbox: MessageFrame): void {
    const frame = outbox.take();
    const sent = this.#network?.send(node, frame) ?? false;
    if (sent || !this.#isConnected(node)) return;
    this.#peerFramesDropped++;
    // The stream's buffer is full: the messages are lost, and every group must probe the peer afresh.
    this.#eachReplicaOn(node, (replica, peer) => {
      replica.peerUnreachable(peer);
    });
  }
}
