import { DiskWatch } from "../../src/node/disk-watch.js";
import { ClusterView } from "../../src/node/cluster-view.js";
import type { Shard } from "../../src/node/shard.js";
import { StorageNode } from "../../src/node/storage-node.js";
import {
  openShardLog,
  type RecoveredGroup,
  type SegmentedShardLog,
  type ViewableCheckpointStore,
} from "../../src/storage/index.js";
import { CheckpointEngine } from "../../src/storage/checkpoint-engine.js";
import { CLUSTER_ID, GATEWAY_SERVICE, serveGateway } from "./gateway-endpoint.js";
import type { SimDisk } from "./sim-disk.js";
import type { SimNode } from "./sim-node.js";
import { silentLogger } from "./silent-logger.js";
import { SimPeers } from "./sim-peers.js";
import type { SimProcess } from "./sim-process.js";
import { type RowsOnDisk, SimRows } from "./sim-rows.js";
import { enter } from "./sim-operator.js";
import type { ClusterMap } from "../../src/cluster/index.js";
import type { SimWorld } from "./sim-world.js";

export interface RunningNodeOptions {
  readonly sim: SimWorld;
  readonly node: SimNode;
  readonly process: SimProcess;
  readonly disk: SimDisk;
  readonly rows: RowsOnDisk;
  fatal(error: unknown): void;
}

/** From a map in memory to a map on the disk. */
const MAP_WRITE_MS = 2;

/** How long a node that is told to stop tries to hand over what it leads. */
const DRAIN_MS = 2_000;

/** What runs in the process of a storage node: the real parts, put together as `run-node.ts` does. */
export class RunningNode {
  readonly #options: RunningNodeOptions;
  /** Undone in reverse order when the node stops. */
  readonly #cleanup: (() => void | Promise<void>)[] = [];
  #node: StorageNode | undefined;
  #serving = false;

  constructor(options: RunningNodeOptions) {
    this.#options = options;
  }

  /** Undefined until it serves. */
  get shard(): Shard | undefined {
    return this.#serving ? this.#node?.shard : undefined;
  }

  get view(): ClusterView | undefined {
    return this.#node?.view;
  }

  /** Undefined until it serves. */
  get storage(): StorageNode | undefined {
    return this.#serving ? this.#node : undefined;
  }

  async start(): Promise<void> {
    const { sim: world, node: machine, process: entering } = this.#options;
    const map = await enter(world, machine, entering);
    if (map === undefined) machine.evicted(entering, "its data folder is a former member's");
    else await this.#startWith(map);
  }

  async #startWith(map: ClusterMap): Promise<void> {
    const { sim, process, disk, rows } = this.#options;
    const { host } = this.#options.node;
    const { options, hooks, world } = sim;
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
    const node = this.#assemble(map, opened.log, store, fatal);
    this.#cleanup.push(() => node.close());
    this.#node = node;
    await this.#recover(node, opened.groups);
    const { shard } = node;
    await watch.check();
    watch.onChange((full) => {
      if (full) world.coverage.add("postsStopped");
      shard.storageFull = full;
    });
    this.#serve(node, watch);
  }

  #assemble(
    map: ClusterMap,
    log: SegmentedShardLog,
    store: ViewableCheckpointStore,
    fatal: (error: Error) => void,
  ): StorageNode {
    const { sim, process, node } = this.#options;
    const { options, hooks, world, observer } = sim;
    const rng = world.rng(`replicas of ${node.name}`);
    const { tickMs, heartbeatTicks, electionTicks, checkpointLogBytes, logSegmentsMax } = options;
    const made = new StorageNode({
      view: new ClusterView(node.name, node.incarnation, map),
      mapWasStored: node.storedMap !== undefined,
      mapStore: {
        save: (map) =>
          new Promise((resolve) => {
            process.after(MAP_WRITE_MS, () => {
              node.storedMap = map;
              resolve();
            });
          }),
      },
      ...{ clock: process, timers: process, logger: silentLogger, dataDirectory: node.name, store, fatal },
      log: observer.watchLog(node.name, hooks.log?.(log, process) ?? log),
      ...{ tickMs, heartbeatTicks, electionTicks, checkpointLogBytes, logSegmentsMax },
      leaseMs: options.leaseReads ? 0.8 * electionTicks * tickMs : 0,
      ...{ movesMax: options.movesMax, clockSkewMaxMs: options.clockSkewMaxMs },
      observer: observer.shardObserver(),
      newSeed: () => hooks.newSeed?.(rng.nextU32()) ?? rng.nextU32(),
      incarnationOf: (name) => node.met.get(name),
      opened: ({ replica, checkpoint }) => {
        hooks.core?.(replica.core, process);
        observer.watchReplica(node.name, replica, checkpoint);
      },
    });
    void made.over.then((reason) => {
      node.evicted(process, reason);
    });
    observer.watchSends(node.name, made.shard);
    observer.watchLeases(node.name, made.shard, process);
    watchMembership(sim, node.name, made);
    return made;
  }

  async #recover(node: StorageNode, groups: readonly RecoveredGroup[]): Promise<void> {
    const { sim, process } = this.#options;
    const { hooks, observer } = sim;
    const found = groups.map((group) => hooks.recovered?.(group, process) ?? group);
    const byGroup = new Map(found.map((group) => [group.group, group]));
    for (const group of node.view.ownGroups().keys())
      observer.recovered(this.#options.node.name, group, byGroup.get(group));
    await node.recover(found);
  }

  #serve(node: StorageNode, watch: DiskWatch): void {
    const { sim, process } = this.#options;
    const { fabric, options, hooks } = sim;
    const { host, incarnation, met } = this.#options.node;
    const { shard, view } = node;
    const peers = new SimPeers({
      ...{ fabric, process, host, handlers: node.member, incarnation },
      standingOf: (name, of) => {
        const known = view.incarnationOf(name) ?? met.get(name);
        const standing = view.standingOf(name, of);
        return standing.kind === "member" && known !== undefined && known !== of ? { kind: "unknown" } : standing;
      },
      met: (name, of) => met.set(name, of),
      evicted: (reason) => {
        node.evicted(reason);
      },
      ...{ encodesFrames: options.encodesFrames, bufferedBytesMax: options.peerBufferBytesMax },
      breaking: options.faults.resetStream > 0 ? sim.world.rng(`parts of ${host.name}`) : undefined,
    });
    host.listeners.set(GATEWAY_SERVICE, (end) => {
      end.stream.accept(process, serveGateway(shard, end, host.name, view, options.encodesFrames));
    });
    this.#cleanup.push(() => {
      host.listeners.delete(GATEWAY_SERVICE);
      return peers.close();
    });
    this.#cleanup.push(() => {
      watch.stop();
      node.stop();
    });
    this.#serving = true;
    watch.start(process);
    node.start(hooks.network?.(peers, process) ?? peers);
    peers.start();
  }

  /** SIGTERM: hands over what it leads, flushes, and closes everything. */
  async stop(): Promise<void> {
    const { process } = this.#options;
    const { shard } = this;
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

/** Notices what a member decides by its map and its clock. */
function watchMembership({ membership, world }: SimWorld, name: string, { view, member, shard }: StorageNode): void {
  membership.acts(name, view.map);
  view.onChange((map) => {
    membership.acts(name, map);
  });
  const tick = member.tick.bind(member);
  let stoodAside = false;
  member.tick = () => {
    for (const replica of shard.replicas.values()) {
      const decided = replica.configuration.generation ?? 0;
      if (decided > view.placement(replica.group).generation && replica.serving) world.coverage.add("staleMapRefused");
    }
    tick();
    if (member.standsAside && !stoodAside) world.coverage.add("clockStoodAside");
    stoodAside = member.standsAside;
  };
}
