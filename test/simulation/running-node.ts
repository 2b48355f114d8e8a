import { DiskWatch } from "../../src/node/disk-watch.js";
import { openReplica } from "../../src/node/open-replica.js";
import { Shard } from "../../src/node/shard.js";
import { openShardLog, type RecoveredGroup, type ViewableCheckpointStore } from "../../src/storage/index.js";
import { CheckpointEngine } from "../../src/storage/checkpoint-engine.js";
import type { SimHost } from "./fabric.js";
import { CLUSTER_ID, GATEWAY_SERVICE, serveGateway } from "./gateway-endpoint.js";
import type { SimDisk } from "./sim-disk.js";
import { silentLogger } from "./silent-logger.js";
import { SimPeers } from "./sim-peers.js";
import type { SimProcess } from "./sim-process.js";
import { type RowsOnDisk, SimRows } from "./sim-rows.js";
import type { SimWorld } from "./sim-world.js";

export interface RunningNodeOptions {
  readonly sim: SimWorld;
  readonly process: SimProcess;
  readonly host: SimHost;
  readonly disk: SimDisk;
  readonly rows: RowsOnDisk;
  fatal(error: unknown): void;
}

/** How long a node that is told to stop tries to hand over what it leads. */
const DRAIN_MS = 2_000;

/** What runs in the process of a storage node: the real parts, put together as `run-node.ts` does. */
export class RunningNode {
  readonly #options: RunningNodeOptions;
  /** Undone in reverse order when the node stops. */
  readonly #cleanup: (() => void | Promise<void>)[] = [];
  #shard: Shard | undefined;

  constructor(options: RunningNodeOptions) {
    this.#options = options;
  }

  /** Undefined until it serves. */
  get shard(): Shard | undefined {
    return this.#shard;
  }

  async start(): Promise<void> {
    const { sim, process, host, disk, rows } = this.#options;
    const { options, hooks, world, observer } = sim;
    const engine = new CheckpointEngine(new SimRows(disk, rows), `store of ${host.name}`);
    await engine.removeLeftovers();
    const store = hooks.store?.(engine, process) ?? engine;
    this.#cleanup.push(() => store.close());
    const rng = world.rng(`salts of ${host.name}`);
    const fatal = (error: Error): void => {
      this.#options.fatal(error);
    };
    const watch = new DiskWatch(disk, "/wal", silentLogger);
    const opened = await openShardLog({
      directory: "/wal",
      clusterId: CLUSTER_ID,
      nodeId: host.name,
      shard: 0,
      fileSystem: hooks.fileSystem?.(disk, process) ?? disk,
      segmentBytes: options.segmentBytes,
      spares: options.spares,
      onFatal: fatal,
      onSpaceLow: (low) => {
        watch.noteSpaceLow(low);
      },
      timers: process,
      clock: process,
      randomU32: () => rng.nextU32(),
    });
    this.#cleanup.push(() => opened.log.close());
    const shard = new Shard({
      nodeId: host.name,
      members: sim.members,
      clock: process,
      timers: process,
      log: observer.watchLog(host.name, hooks.log?.(opened.log, process) ?? opened.log),
      store,
      logger: silentLogger,
      tickMs: options.tickMs,
      checkpointLogBytes: options.checkpointLogBytes,
      logSegmentsMax: options.logSegmentsMax,
      observer: observer.shardObserver(),
      fatal,
    });
    this.#cleanup.push(() => shard.close());
    observer.watchSends(host.name, shard);
    await this.#openReplicas(shard, store, opened.groups);
    await watch.check();
    watch.onChange((full) => {
      if (full) world.coverage.add("postsStopped");
      shard.storageFull = full;
    });
    this.#serve(shard, watch);
  }

  /** One partition after the other, where a real node opens all at once: in virtual time it makes no difference. */
  async #openReplicas(shard: Shard, store: ViewableCheckpointStore, groups: readonly RecoveredGroup[]): Promise<void> {
    const { sim, process, host } = this.#options;
    const { options, world, hooks, observer, members } = sim;
    const rng = world.rng(`replicas of ${host.name}`);
    const recovered = new Map(groups.map((group) => [group.group, hooks.recovered?.(group, process) ?? group]));
    for (let partition = 0; partition < options.partitions; partition++) {
      if (!members.nodesOf(partition).includes(host.name)) continue;
      const found = recovered.get(partition);
      observer.recovered(host.name, partition, found);
      const { replica, checkpoint } = await openReplica(
        {
          dataDirectory: host.name,
          nodeId: host.name,
          members,
          log: shard.log,
          store,
          host: shard,
          heartbeatTicks: options.heartbeatTicks,
          electionTicks: options.electionTicks,
          newIncarnation: () => rng.nextU32().toString(16).padStart(16, "0"),
          newSeed: () => hooks.newSeed?.(rng.nextU32()) ?? rng.nextU32(),
        },
        partition,
        found,
      );
      shard.add(replica, checkpoint);
      hooks.core?.(replica.core, process);
      observer.watchReplica(host.name, replica, checkpoint);
    }
  }

  #serve(shard: Shard, watch: DiskWatch): void {
    const { sim, process, host } = this.#options;
    const { fabric, options, hooks, members } = sim;
    const peers = new SimPeers({
      ...{ fabric, process, host, handlers: shard },
      peers: members.members.map(({ id }) => id).filter((id) => id !== host.name),
      bufferedBytesMax: options.peerBufferBytesMax,
      breaking: options.faults.resetStream > 0 ? sim.world.rng(`parts of ${host.name}`) : undefined,
    });
    host.listeners.set(GATEWAY_SERVICE, (end) => {
      end.stream.accept(process, serveGateway(shard, end, host.name, members, options.encodesFrames));
    });
    this.#cleanup.push(() => {
      host.listeners.delete(GATEWAY_SERVICE);
      return peers.close();
    });
    this.#cleanup.push(() => {
      watch.stop();
      shard.stop();
    });
    this.#shard = shard;
    watch.start(process);
    peers.start();
    shard.start(hooks.network?.(peers, process) ?? peers);
  }

  /** SIGTERM: hands over what it leads, flushes, and closes everything. */
  async stop(): Promise<void> {
    const { process } = this.#options;
    const shard = this.#shard;
    if (shard !== undefined) {
      const deadlineMs = process.monotonicMs() + DRAIN_MS;
      while (shard.drain() > 0 && process.monotonicMs() < deadlineMs)
        await new Promise<void>((resolve) => {
          process.after(20, resolve);
        });
    }
    for (const undo of this.#cleanup.splice(0).reverse()) await undo();
  }
}
