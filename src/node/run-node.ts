import { randomBytes } from "node:crypto";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { systemClock, systemTimers } from "../base/index.js";
import { GrpcPeers, splitAddress } from "../peer/index.js";
import { channelOptions, PROTOCOL_VERSION } from "../rpc/index.js";
import {
  CorruptionError,
  type DataDirectory,
  DataDirectoryError,
  openDataDirectory,
  RealFileSystem,
} from "../storage/index.js";
import { type Logger, type MetricsServer, startMetricsServer } from "../telemetry/index.js";
import { advertisedAddress, type NodeConfig, type RunningProcess, StartRefusal } from "../config/index.js";
import { announceAddress } from "./announce-address.js";
import { Cleanup } from "./cleanup.js";
import { registerClusterService } from "./cluster-service.js";
import { ClusterView } from "./cluster-view.js";
import { DiskWatch } from "./disk-watch.js";
import { type Entered, enterCluster } from "./enter-cluster.js";
import { registerGatewayService } from "./gateway-service.js";
import { MapFile } from "./map-file.js";
import { NodeMetrics } from "./metrics.js";
import { openDisk, type OpenedDisk } from "./open-disk.js";
import { PeerRegistry } from "./peer-registry.js";
import type { Shard } from "./shard.js";
import { StorageNode } from "./storage-node.js";

/** What a node gets from the process that it runs in. */
export interface NodeContext {
  readonly log: Logger;
  /** Ends the process at once: called after an error that must not be survived, a failed fsync above all. */
  readonly fatal: (error: Error) => void;
}

/** What the parts of a starting node share. */
interface Start extends NodeContext {
  readonly config: NodeConfig;
  readonly fileSystem: RealFileSystem;
  readonly cleanup: Cleanup;
  readonly data: DataDirectory;
  readonly mapFile: MapFile;
}

const MIB = 1_048_576;
/** Of an election timeout; the rest is for clocks that run at different speeds (raft.md section 6). */
const LEASE_SHARE = 0.8;

/** Starts a storage node; resolves when it listens. Rejects with a message that says what to do when it cannot, with everything closed again. */
export async function runNode(config: NodeConfig, context: NodeContext): Promise<RunningProcess> {
  const fileSystem = new RealFileSystem();
  const { dataDir: path, clusterId, nodeId } = config;
  const cleanup = new Cleanup();
  try {
    const reset = config.replaceData;
    const data = await refusing(openDataDirectory({ path, clusterId, nodeId, fileSystem, reset }));
    cleanup.add(() => data.close());
    const mapFile = new MapFile(fileSystem, path);
    const node = await refusing(startNode({ ...context, config, fileSystem, cleanup, data, mapFile }));
    return {
      over: node.over,
      stop: async () => {
        await drain(node.shard, config.drainMs, context.log);
        await cleanup.run();
        context.log.info("node stopped");
      },
    };
  } catch (error) {
    await cleanup.run().catch((problem: unknown) => {
      context.log.error({ err: problem }, "after a start that failed, not everything could be closed");
    });
    throw error;
  }
}

/** What the storage refuses, and damage that it found, end the start with their message; starting again does not help. */
async function refusing<T>(starting: Promise<T>): Promise<T> {
  try {
    return await starting;
  } catch (error) {
    if (error instanceof DataDirectoryError || error instanceof CorruptionError)
      throw new StartRefusal(error.message, { cause: error });
    throw error;
  }
}

async function startNode(start: Start): Promise<StorageNode> {
  const { config, log, cleanup, data, fileSystem } = start;
  const entered = await enterCluster(start);
  const view = new ClusterView(config.nodeId, data.incarnation, entered.map);
  const registry = await PeerRegistry.open(fileSystem, config.dataDir);
  const metrics = new NodeMetrics();
  const disk = new DiskWatch(fileSystem, config.dataDir, log);
  const opened = await openDisk({ ...start, view, mapWasStored: entered.stored, observer: metrics, disk });
  const node = makeNode(start, entered, view, opened, registry, metrics);
  cleanup.add(() => node.close());
  await node.recover(opened.groups);
  const { shard } = node;
  disk.onChange((full) => {
    shard.storageFull = full;
  });
  await disk.check();
  const server = new Server(channelOptions);
  cleanup.add(() => {
    server.forceShutdown();
  });
  const peers = makePeers(start, node, registry);
  peers.register(server);
  const { clusterId, nodeId } = config;
  registerGatewayService(server, { clusterId, nodeId, view, shard, timers: systemTimers, log });
  registerClusterService(server, { clusterId, view, shard, meta: node.meta, member: node.member, log });
  await bind(server, config.listen);
  metrics.watch(shard, shard.log, disk, peers);
  const operations = await serveOperations(config, metrics, shard);
  cleanup.add(() => operations.close());
  cleanup.add(() => peers.close());
  cleanup.add(() => {
    disk.stop();
    node.stop();
  });
  disk.start(systemTimers);
  node.start(peers);
  peers.start();
  const announcing = announceAddress(view, advertisedAddress(config), config.clusterId, systemTimers, log);
  cleanup.add(() => {
    announcing.stop();
  });
  log.info({ listen: config.listen, replicas: shard.replicas.size, mapVersion: view.map.version }, "node started");
  return node;
}

function makeNode(
  { config, data, mapFile, log, fatal }: Start,
  entered: Entered,
  view: ClusterView,
  opened: OpenedDisk,
  registry: PeerRegistry,
  metrics: NodeMetrics,
): StorageNode {
  const { tickMs, heartbeatTicks, electionTicks, movesMax, clockSkewMaxMs } = config;
  return new StorageNode({
    ...{ view, mapStore: mapFile, mapWasStored: entered.stored, log: opened.log, store: opened.store },
    ...{ clock: systemClock, timers: systemTimers, logger: log, dataDirectory: data.path },
    ...{ tickMs, heartbeatTicks, electionTicks, movesMax, clockSkewMaxMs },
    leaseMs: config.leaseReads ? LEASE_SHARE * electionTicks * tickMs : 0,
    checkpointLogBytes: config.checkpointLogMib * MIB,
    logSegmentsMax: logSegmentsMax(config),
    observer: metrics,
    newSeed: () => randomBytes(4).readUInt32LE(),
    incarnationOf: (node) => registry.incarnationOf(node),
    fatal,
  });
}

/** Twice what checkpoints leave behind when every partition is busy: beyond it, idle partitions hold segments back. */
function logSegmentsMax(config: NodeConfig): number {
  const bytes = 2 * config.partitions * config.checkpointLogMib;
  return Math.ceil(bytes / config.segmentMib) + 2;
}

function serveOperations(config: NodeConfig, metrics: NodeMetrics, shard: Shard): Promise<MetricsServer> {
  const { host } = splitAddress(config.listen);
  const port = config.metricsPort;
  return startMetricsServer({
    host,
    port,
    registry: metrics.registry,
    health: () => shard.log.failure() === undefined,
    ready: () => shard.isReady,
  }).catch((error: unknown) => {
    const problem = (error as Error).message;
    throw new StartRefusal(
      `cannot serve metrics on ${host}:${String(port)}: ${problem}. Free the port, or choose another with --metrics-port`,
      { cause: error },
    );
  });
}

function makePeers({ config, data, log }: Start, node: StorageNode, registry: PeerRegistry): GrpcPeers {
  const { view, member } = node;
  return new GrpcPeers({
    rules: {
      own: {
        protocolVersion: PROTOCOL_VERSION,
        clusterId: config.clusterId,
        nodeId: config.nodeId,
        incarnation: data.incarnation,
        partitionCount: view.partitionCount,
      },
      standingOf: (id, incarnation) => view.standingOf(id, incarnation),
      incarnationOf: (id) => view.incarnationOf(id) ?? registry.incarnationOf(id),
      rememberIncarnation: (id, incarnation) => registry.remember(id, incarnation),
    },
    handlers: member,
    onEvicted: (reason) => {
      node.evicted(reason);
    },
    timers: systemTimers,
    log,
  });
}

function bind(server: Server, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error) => {
      if (error === null) resolve();
      else
        reject(
          new StartRefusal(
            `cannot listen on ${address}: ${error.message}; is another node running there? choose another --listen`,
            { cause: error },
          ),
        );
    });
  });
}

/** Hands over leaderships until none is left that anybody could take or the time is up; what is left is found by the others' elections. */
async function drain(shard: Shard, drainMs: number, log: Logger): Promise<void> {
  const deadlineMs = systemClock.monotonicMs() + drainMs;
  while (shard.drain() > 0 && systemClock.monotonicMs() < deadlineMs)
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
  const led = shard.ledCount;
  if (led > 0)
    log.warn({ led }, "stopping while still leading some partitions: no other replica could take over in time");
}
