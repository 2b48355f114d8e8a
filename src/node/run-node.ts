import { randomBytes } from "node:crypto";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { systemClock, systemTimers } from "../base/index.js";
import { GrpcPeers, splitAddress } from "../peer/index.js";
import { channelOptions, PROTOCOL_VERSION } from "../rpc/index.js";
import {
  type CheckpointStore,
  CorruptionError,
  type DataDirectory,
  DataDirectoryError,
  openCheckpointStore,
  openDataDirectory,
  openShardLog,
  RealFileSystem,
  type RecoveredGroup,
} from "../storage/index.js";
import { type Logger, type MetricsServer, startMetricsServer } from "../telemetry/index.js";
import { type NodeConfig, type RunningProcess, StartRefusal } from "../config/index.js";
import { Cleanup } from "./cleanup.js";
import { DiskWatch } from "./disk-watch.js";
import { registerGatewayService } from "./gateway-service.js";
import { MemberMap } from "./members.js";
import { NodeMetrics } from "./metrics.js";
import { openReplica } from "./open-replica.js";
import { PeerRegistry } from "./peer-registry.js";
import { Shard } from "./shard.js";

/** What a node gets from the process that it runs in. */
export interface NodeContext {
  readonly log: Logger;
  /** Ends the process at once: called after an error that must not be survived, a failed fsync above all. */
  readonly fatal: (error: Error) => void;
}

/** What the parts of a starting node share. */
interface Start extends NodeContext {
  readonly config: NodeConfig;
  readonly members: MemberMap;
  readonly fileSystem: RealFileSystem;
  readonly cleanup: Cleanup;
}

const MIB = 1_048_576;

/** Starts a storage node; resolves when it listens. Rejects with a message that says what to do when it cannot, with everything closed again. */
export async function runNode(config: NodeConfig, context: NodeContext): Promise<RunningProcess> {
  const members = new MemberMap(config.members, config.partitions, config.replicationFactor);
  const fileSystem = new RealFileSystem();
  const { dataDir: path, clusterId, nodeId } = config;
  const cleanup = new Cleanup();
  try {
    const data = await refusing(openDataDirectory({ path, clusterId, nodeId, fileSystem }));
    cleanup.add(() => data.close());
    const shard = await refusing(startNode({ ...context, config, members, fileSystem, cleanup }, data));
    return {
      stop: async () => {
        await drain(shard, config.drainMs, context.log);
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

async function startNode(start: Start, data: DataDirectory): Promise<Shard> {
  const { config, members, log, cleanup } = start;
  const metrics = new NodeMetrics();
  const disk = new DiskWatch(start.fileSystem, config.dataDir, log);
  const { shard, registry } = await openShard(start, data, metrics, disk);
  disk.onChange((full) => {
    shard.storageFull = full;
  });
  await disk.check();
  const server = new Server(channelOptions);
  cleanup.add(() => {
    server.forceShutdown();
  });
  const peers = makePeers(start, shard, registry, data.incarnation);
  peers.register(server);
  registerGatewayService(server, {
    clusterId: config.clusterId,
    nodeId: config.nodeId,
    members,
    shard,
    timers: systemTimers,
    log,
  });
  await bind(server, config.listen);
  metrics.watch(shard, shard.log, disk, peers);
  const operations = await serveOperations(config, metrics, shard);
  cleanup.add(() => operations.close());
  cleanup.add(() => peers.close());
  cleanup.add(() => {
    disk.stop();
    shard.stop();
  });
  disk.start(systemTimers);
  peers.start();
  shard.start(peers);
  log.info({ listen: config.listen, partitions: shard.replicas.size }, "node started");
  return shard;
}

/** Opens what is on disk, and the replicas in it. */
async function openShard(
  start: Start,
  data: DataDirectory,
  metrics: NodeMetrics,
  disk: DiskWatch,
): Promise<{ readonly shard: Shard; readonly registry: PeerRegistry }> {
  const { config, members, fileSystem, log, fatal, cleanup } = start;
  const store = await openCheckpointStore({ directory: data.storeDirectory(0) });
  cleanup.add(() => store.close());
  const opened = await openShardLog({
    directory: data.logDirectory(0),
    clusterId: config.clusterId,
    nodeId: config.nodeId,
    shard: 0,
    fileSystem,
    segmentBytes: config.segmentMib * MIB,
    observer: metrics,
    onFatal: fatal,
    onSpaceLow: (low) => {
      disk.noteSpaceLow(low);
    },
  });
  cleanup.add(() => opened.log.close());
  const shard = new Shard({
    nodeId: config.nodeId,
    members,
    clock: systemClock,
    timers: systemTimers,
    log: opened.log,
    store,
    logger: log,
    tickMs: config.tickMs,
    checkpointLogBytes: config.checkpointLogMib * MIB,
    logSegmentsMax: logSegmentsMax(config),
    observer: metrics,
    fatal,
  });
  cleanup.add(() => shard.close());
  const registry = await PeerRegistry.open(fileSystem, config.dataDir);
  await openReplicas(start, shard, opened.groups, store, registry);
  return { shard, registry };
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

async function openReplicas(
  { config, members }: Start,
  shard: Shard,
  groups: readonly RecoveredGroup[],
  store: CheckpointStore,
  registry: PeerRegistry,
): Promise<void> {
  const { nodeId } = config;
  const recovered = new Map(groups.map((group) => [group.group, group]));
  const held: number[] = [];
  for (let partition = 0; partition < members.partitionCount; partition++)
    if (members.nodesOf(partition).includes(nodeId)) held.push(partition);
  const strange = [...recovered.keys()].filter((group) => !held.includes(group));
  if (strange.length > 0)
    throw new StartRefusal(
      `${config.dataDir} holds partitions ${strange.join(", ")}, which this node has no part in under the given ` +
        `--members, --partitions and --replication-factor: start it with the values it had before`,
    );
  // Peers are met only after every replica is in the log.
  const lost = held.filter((partition) => !recovered.has(partition));
  if (lost.length > 0 && registry.isKnown)
    throw new StartRefusal(
      `${config.dataDir} belongs to a node that has met its peers, but its log knows nothing of partitions ` +
        `${lost.join(", ")}: it is gone, and with it votes and messages that it promised to keep: restore the whole data folder`,
    );
  const opening = held.map(async (partition) => {
    const { replica, checkpoint } = await openReplica(
      {
        dataDirectory: config.dataDir,
        nodeId,
        members,
        log: shard.log,
        store,
        host: shard,
        heartbeatTicks: config.heartbeatTicks,
        electionTicks: config.electionTicks,
        newIncarnation: () => randomBytes(8).toString("hex"),
        newSeed: () => randomBytes(4).readUInt32LE(),
      },
      partition,
      recovered.get(partition),
    );
    shard.add(replica, checkpoint);
  });
  // All of them come to an end before anything is closed again.
  const failed = (await Promise.allSettled(opening)).find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

function makePeers(
  { config, members, log }: Start,
  shard: Shard,
  registry: PeerRegistry,
  incarnation: string,
): GrpcPeers {
  const others = members.members.filter((member) => member.id !== config.nodeId);
  return new GrpcPeers({
    rules: {
      own: {
        protocolVersion: PROTOCOL_VERSION,
        clusterId: config.clusterId,
        nodeId: config.nodeId,
        incarnation,
        partitionCount: members.partitionCount,
      },
      memberIds: new Set(members.members.map((member) => member.id)),
      incarnationOf: (node) => registry.incarnationOf(node),
      rememberIncarnation: (node, value) => registry.remember(node, value),
    },
    peers: new Map(others.map((member) => [member.id, member.address])),
    handlers: shard,
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
