import type { Clock, Timer, Timers } from "../base/index.js";
import { metaGroup } from "../cluster/index.js";
import { loadMachine, type MachineLoader } from "../partition/index.js";
import type { ReplicaId } from "../raft/index.js";
import type { GroupId, RecoveredGroup, SegmentedShardLog, ViewableCheckpointStore } from "../storage/index.js";
import type { Logger } from "../telemetry/index.js";
import { ClusterMember, type MemberNetwork } from "./cluster-member.js";
import type { ClusterView } from "./cluster-view.js";
import { Hosting, type OpenedReplica } from "./hosting.js";
import { nodeLimits } from "./limits.js";
import type { MapStore } from "./map-file.js";
import { MetaGroup } from "./meta-group.js";
import { MetaLoader } from "./meta-machine.js";
import { openReplica } from "./open-replica.js";
import { recoverReplicas } from "./recover-replicas.js";
import { Shard } from "./shard.js";
import type { ShardObserver } from "./shard-observer.js";

export interface StorageNodeOptions {
  readonly view: ClusterView;
  readonly mapStore: MapStore;
  /** True when this node itself stored the map that the view starts with. */
  readonly mapWasStored: boolean;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: SegmentedShardLog;
  readonly store: ViewableCheckpointStore;
  readonly logger: Logger;
  /** For messages. */
  readonly dataDirectory: string;
  readonly tickMs: number;
  readonly heartbeatTicks: number;
  readonly electionTicks: number;
  readonly leaseMs?: number;
  readonly checkpointLogBytes: number;
  readonly logSegmentsMax: number;
  readonly movesMax: number;
  readonly clockSkewMaxMs: number;
  readonly observer: ShardObserver;
  /** A fresh random seed for the election timeouts of one replica. */
  newSeed(): number;
  /** The incarnation under which a node was met. */
  incarnationOf(node: string): string | undefined;
  /** A replica was opened and is not hosted yet. */
  opened?(opened: OpenedReplica): void;
  fatal(error: Error): void;
}

/** A storage node without its disk and its streams: the shard with its replicas, and the node's part in the cluster. */
export class StorageNode {
  readonly view: ClusterView;
  readonly shard: Shard;
  readonly meta: MetaGroup;
  readonly member: ClusterMember;
  readonly #options: StorageNodeOptions;
  readonly #hosting: Hosting;
  /** Resolves, with the reason, when this node is no member any more. */
  readonly over: Promise<string>;
  #evicted: (reason: string) => void = () => undefined;
  #ticker: Timer | undefined;

  constructor(options: StorageNodeOptions) {
    const { view, clock, logger } = options;
    this.#options = options;
    this.view = view;
    this.over = new Promise((resolve) => {
      this.#evicted = resolve;
    });
    this.meta = new MetaGroup({
      ...{ view, logger, movesMax: options.movesMax },
      replica: () => this.shard.replicas.get(metaGroup),
      incarnationOf: (node) => options.incarnationOf(node),
      alive: () => this.member.alive(),
    });
    this.shard = new Shard({ ...options, observer: this.#observer(), loaderOf: (group) => this.#loaderOf(group) });
    this.#hosting = new Hosting({
      ...{ view, shard: this.shard, mapStore: options.mapStore, logger },
      create: (group, id) => this.#open(group, id, undefined),
      fatal: (error) => {
        options.fatal(error);
      },
    });
    this.member = new ClusterMember({
      ...{ view, shard: this.shard, hosting: this.#hosting, meta: this.meta, clock, logger },
      clockSkewMaxMs: options.clockSkewMaxMs,
      evicted: (reason) => {
        this.#evicted(reason);
      },
    });
  }

  /** Brings back what the log held, and makes what the map gives to this node; durable when it resolves. Throws CorruptionError. */
  async recover(groups: readonly RecoveredGroup[]): Promise<void> {
    const { view, logger, mapWasStored } = this.#options;
    const recovered = await recoverReplicas(
      { view, logger, mapWasStored, open: (group, id, found) => this.#open(group, id, found) },
      groups,
    );
    await this.#hosting.begin(recovered);
  }

  start(network: MemberNetwork): void {
    this.member.start(network);
    this.shard.start(network);
    this.#ticker = this.#options.timers.every(nodeLimits.memberTickMs, () => {
      this.member.tick();
    });
  }

  /** Nothing is begun any more; see Shard.stop. */
  stop(): void {
    this.#ticker?.cancel();
    this.#hosting.stop();
    this.shard.stop();
  }

  /** After `stop`: waits for what is under way on the disk. */
  async close(): Promise<void> {
    await this.#hosting.close();
    await this.shard.close();
  }

  /** This incarnation is no member any more, and never will be: `over` resolves. */
  evicted(reason: string): void {
    this.#evicted(reason);
  }

  /** What whoever watches the shard hears, the meta group's leader hears too. */
  #observer(): ShardObserver {
    const { observer } = this.#options;
    return {
      committed: (latencyMs) => {
        observer.committed(latencyMs);
      },
      leaderChanged: (replica) => {
        observer.leaderChanged(replica);
        if (replica.group === metaGroup) this.meta.leadershipChanged();
      },
      checkpointed: (durationMs, bytes) => {
        observer.checkpointed(durationMs, bytes);
      },
    };
  }

  #loaderOf(group: GroupId): MachineLoader {
    return group === metaGroup ? new MetaLoader(this.meta) : loadMachine();
  }

  async #open(group: GroupId, id: ReplicaId, recovered: RecoveredGroup | undefined): Promise<OpenedReplica> {
    const opened = await openReplica(
      { ...this.#options, host: this.shard, loaderOf: (of) => this.#loaderOf(of) },
      group,
      id,
      recovered,
    );
    this.#options.opened?.(opened);
    return opened;
  }
}
