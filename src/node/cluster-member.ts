import type { Clock } from "../base/index.js";
import { type MapCommand, metaGroup, type Seat, seatOf } from "../cluster/index.js";
import type { NodeId, PeerHandlers, PeerNetwork, SnapshotPart } from "../peer/index.js";
import type { ReplicaId } from "../raft/index.js";
import type { Logger } from "../telemetry/index.js";
import { ClockWatch } from "./clock-watch.js";
import type { ClusterView } from "./cluster-view.js";
import { type ControlMessage, decodeControl, encodeControl } from "./control-codec.js";
import type { Hosting } from "./hosting.js";
import { LeaderAbsence } from "./leader-absence.js";
import { nodeLimits } from "./limits.js";
import { MapGossip } from "./map-gossip.js";
import type { MetaGroup } from "./meta-group.js";
import { drivePlacement } from "./placement-driver.js";
import type { Shard } from "./shard.js";

/** The streams to peers that come and go with the map. */
export interface MemberNetwork extends PeerNetwork {
  setPeers(peers: ReadonlyMap<NodeId, string>): void;
}

export interface ClusterMemberOptions {
  readonly view: ClusterView;
  readonly shard: Shard;
  readonly hosting: Hosting;
  readonly meta: MetaGroup;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A node whose wall clock is further from the median of the cluster's leads nothing. */
  readonly clockSkewMaxMs: number;
  /** This node is no member any more, and never will be under its incarnation. */
  evicted(reason: string): void;
}

/**
 * A node as a member of its cluster: it spreads the map, follows it, brings the groups that it leads to what the map wants,
 * compares clocks, and says which of its replicas are lost.
 */
export class ClusterMember implements PeerHandlers {
  readonly #options: ClusterMemberOptions;
  readonly #clocks: ClockWatch;
  readonly #absence = new LeaderAbsence();
  readonly #connected = new Set<NodeId>();
  #network: MemberNetwork | undefined;
  #gossip: MapGossip | undefined;
  #standsAside = false;
  #ticks = 0;
  /** The map that the meta group's work was last done on. */
  #plannedVersion = 0;

  constructor(options: ClusterMemberOptions) {
    this.#options = options;
    this.#clocks = new ClockWatch(options.clockSkewMaxMs);
    options.view.onChange(() => {
      this.#mapChanged();
    });
  }

  /** Before the streams are dialled. */
  start(network: MemberNetwork): void {
    this.#network = network;
    this.#options.shard.isUnfit = (node) => this.#clocks.isPeerOff(node);
    this.#gossip = new MapGossip(this.#options.view, network);
    this.#setPeers();
  }

  get connectedNodes(): readonly NodeId[] {
    return [...this.#connected];
  }

  /** How far this node's clock is ahead of the median of the cluster's, milliseconds. */
  get clockAheadMs(): number {
    return this.#clocks.aheadMs;
  }

  /** True while this node leads nothing since its clock is off. */
  get standsAside(): boolean {
    return this.#standsAside;
  }

  /** Seats whose nodes have a stream with this one, and its own. */
  alive(): ReadonlySet<Seat> {
    const { view } = this.#options;
    const seats = new Set<Seat>();
    for (const id of [view.nodeId, ...this.#connected]) {
      const seat = view.seatOfNode(id);
      if (seat !== undefined) seats.add(seat);
    }
    return seats;
  }

  // --- the map

  #mapChanged(): void {
    const { view, hosting, shard, meta } = this.#options;
    this.#gossip?.announce();
    if (meta.leads) this.#gossip?.pushAll();
    this.#setPeers();
    shard.membershipChanged();
    if (view.own === undefined) {
      this.#options.evicted(`node ${view.nodeId} is no member of the cluster any more`);
      return;
    }
    hosting.follow();
  }

  #setPeers(): void {
    const { view } = this.#options;
    this.#network?.setPeers(new Map(view.others.map(({ id, address }) => [id, address])));
  }

  /** Called every `memberTickMs`. Placements go on each time, so that a move is a matter of moments; the rest has time for a second. */
  tick(): void {
    const { meta, view } = this.#options;
    this.#drivePlacements();
    const isWhole = this.#ticks++ % nodeLimits.memberTicksPerRound === 0;
    if (isWhole || view.map.version !== this.#plannedVersion) meta.tick();
    this.#plannedVersion = view.map.version;
    if (isWhole) this.#round();
  }

  #round(): void {
    const { clock } = this.#options;
    this.#gossip?.pushAll();
    this.#reportLost();
    const now = encodeControl({ type: "clock", wallMs: Math.max(0, Math.floor(clock.wallMs())) });
    for (const node of this.#connected) this.#network?.sendControl(node, now);
    this.#compareClocks();
  }

  /** What this node leads and the map wants otherwise goes a step further. */
  #drivePlacements(): void {
    const { view, shard } = this.#options;
    const alive = this.alive();
    const isReachable = (id: ReplicaId): boolean => alive.has(seatOf(id));
    for (const replica of shard.replicas.values()) {
      const { group } = replica;
      const report = drivePlacement(replica, view.placement(group), isReachable);
      if (report === undefined) continue;
      const { replicas, generation } = report;
      this.#tellMeta({ type: "settled", group, replicas, generation });
    }
  }

  #reportLost(): void {
    for (const { group, replica } of this.#options.hosting.lost())
      this.#tellMeta({ type: "replica-lost", group, replica });
  }

  /** To whoever leads the meta group; nobody else takes it. */
  #tellMeta(message: ControlMessage): void {
    const { view, meta } = this.#options;
    if (meta.leads) {
      this.#toldMeta(message);
      return;
    }
    const bytes = encodeControl(message);
    for (const node of view.holdersOf(metaGroup)) if (node !== view.nodeId) this.#network?.sendControl(node, bytes);
  }

  #toldMeta(message: ControlMessage): void {
    const { meta, view, logger } = this.#options;
    if (!meta.leads) return;
    const command = commandOf(message);
    if (command === undefined || !view.has(command.group)) return;
    void meta.change(command).then((outcome) => {
      if ("refused" in outcome) logger.debug({ command, refused: outcome.refused }, "a late report about a placement");
    });
  }

  // --- clocks

  #compareClocks(): void {
    const { shard, logger, view } = this.#options;
    this.#clocks.judge();
    const off = this.#clocks.isOff;
    if (off !== this.#standsAside) {
      this.#standsAside = off;
      const aheadMs = Math.round(this.#clocks.aheadMs);
      if (off) logger.error({ aheadMs }, "this node's clock is off: others lead until it is right");
      else logger.info({ aheadMs }, "this node's clock is right again");
    }
    // Where nobody with a better clock can lead, this node does: late or early deadlines are better than none.
    shard.standAside((replica) => {
      const lacksLeader = this.#absence.lasts(replica.group, replica.leadership.leader !== 0);
      if (!off || lacksLeader) return false;
      const nodes = replica.configuration.voters.map((id) => view.nodeOf(id));
      return nodes.some((node) => node !== undefined && this.#connected.has(node) && !this.#clocks.isPeerOff(node));
    });
  }

  // --- what peers say

  messages(from: NodeId, bytes: Uint8Array): void {
    this.#options.shard.messages(from, bytes);
  }

  snapshotPart(from: NodeId, part: SnapshotPart): void {
    this.#options.shard.snapshotPart(from, part);
  }

  connected(node: NodeId): void {
    this.#connected.add(node);
    this.#gossip?.connected(node);
  }

  disconnected(node: NodeId, processGone: boolean): void {
    this.#connected.delete(node);
    this.#gossip?.disconnected(node);
    this.#clocks.forget(node);
    this.#options.shard.disconnected(node, processGone);
  }

  control(from: NodeId, bytes: Uint8Array): void {
    const message = decodeControl(bytes);
    switch (message.type) {
      case "map":
        this.#options.view.adopt(message.map);
        this.#gossip?.heard(from, message.map.version);
        break;
      case "map-version":
        this.#gossip?.heard(from, message.version);
        break;
      case "clock":
        this.#clocks.heard(from, message.wallMs, this.#options.clock.wallMs());
        break;
      case "settled":
      case "replica-lost":
        this.#toldMeta(message);
        break;
    }
  }
}

/** What a report asks the meta group to put on the map. */
function commandOf(message: ControlMessage): Extract<MapCommand, { readonly group: number }> | undefined {
  switch (message.type) {
    case "settled": {
      const { group, replicas, generation } = message;
      return { op: "settled", group, replicas, generation };
    }
    case "replica-lost":
      return { op: "replace-replica", group: message.group, replica: message.replica };
    default:
      return undefined;
  }
}
