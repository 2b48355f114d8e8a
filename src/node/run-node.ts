import { randomBytes } from "node:crypto";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { systemClock, systemTimers } from "../base/index.js";
import { GrpcPeers, type PeerHandlers, splitAddress } from "../peer/index.js";
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
  type SegmentedShardLog,
} from "../storage/index.js";
import { type Logger, type MetricsServer, startMetricsServer } from "../telemetry/index.js";
import { type NodeConfig, type RunningProcess, StartRefusal } from "../config/index.js";
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
}

const MIB = 1_048_576;

/** Starts a storage node; resolves when it listens. Rejects with a message that says what to do when it cannot. */
export async function runNode(config: NodeConfig, context: NodeContext): Promise<RunningProcess> {
  const members = new MemberMap(config.members, config.partitions, config.replicationFactor);
  const fileSystem = new RealFileSystem();
  const { dataDir: path, clusterId, nodeId } = config;
  const data = await refusing(openDataDirectory({ path, clusterId, nodeId, fileSystem }));
  try {
    return await refusing(startNode({ ...context, config, members, fileSystem }, data));
  } catch (error) {
    await data.close();
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

async function startNode(start: Start, data: DataDirectory): Promise<RunningProcess> {
  const { config, members, fileSystem, log, fatal } = start;
  const metrics = new NodeMetrics();
  const disk = new DiskWatch(fileSystem, config.dataDir, log);
  const store = await openCheckpointStore({ directory: data.storeDirectory(0) });
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
  const registry = await PeerRegistry.open(fileSystem, config.dataDir);
  if (opened.created && registry.isKnown)
    throw new StartRefusal(
      `${config.dataDir} belongs to a node that has met its peers, but its log is gone, and with it votes and messages that it ` +
        "promised to keep: restore the whole data folder",
    );
  await openReplicas(start, shard, opened.groups, store);
  const peers = makePeers(start, shard, registry, data.incarnation);
  const server = new Server(channelOptions);
  peers.register(server);
  registerGatewayService(server, { clusterId: config.clusterId, nodeId: config.nodeId, members, shard, log });
  await bind(server, config.listen);
  disk.onChange((full) => {
    shard.storageFull = full;
  });
  await disk.check();
  disk.start(systemTimers);
  metrics.watch(shard, opened.log, disk);
  const operations = await serveOperations(config, metrics, shard, opened.log);
  peers.start();
  shard.start(peers);
  log.info({ listen: config.listen, partitions: shard.replicas.size }, "node started");
  return {
    stop: async () => {
      await drain(shard, config.drainMs, log);
      disk.stop();
      shard.stop();
      await peers.close();
      server.forceShutdown();
      await shard.close();
      await opened.log.close();
      await store.close();
      await operations.close();
      await data.close();
      log.info("node stopped");
    },
  };
}

/** Twice what checkpoints leave behind when every partition is busy: beyond it, idle partitions hold segments back. */
function logSegmentsMax(config: NodeConfig): number {
  const bytes = 2 * config.partitions * config.checkpointLogMib;
  return Math.ceil(bytes / config.segmentMib) + 2;
}

function serveOperations(
  config: NodeConfig,
  metrics: NodeMetrics,
  shard: Shard,
  log: SegmentedShardLog,
): Promise<MetricsServer> {
  return startMetricsServer({
    host: splitAddress(config.listen).host,
    port: config.metricsPort,
    registry: metrics.registry,
    health: () => log.failure() === undefined,
    ready: () => shard.isReady,
  });
}

async function openReplicas(
  { config, members }: Start,
  shard: Shard,
  groups: readonly RecoveredGroup[],
  store: CheckpointStore,
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
  await Promise.all(opening);
}

function makePeers(
  { config, members, log }: Start,
  shard: Shard,
  registry: PeerRegistry,
  incarnation: string,
): GrpcPeers {
  const handlers: PeerHandlers = {
    messages: (from, bytes) => {
      shard.messages(from, bytes);
    },
    snapshotPart: (from, part) => {
      shard.snapshotPart(from, part);
    },
    connected: () => undefined,
    disconnected: (node, processGone) => {
      shard.disconnected(node, processGone);
    },
  };
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
    handlers,
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
          new Error(
            `cannot listen on ${address}: ${error.message}; is another node running there? choose another --listen`,
          ),
        );
    });
  });
}

/** Hands over leaderships until none is left or the time is up; what is left is found by the others' elections. */
async function drain(shard: Shard, drainMs: number, log: Logger): Promise<void> {
  const deadlineMs = systemClock.monotonicMs() + drainMs;
  while (!shard.drain()) {
    if (systemClock.monotonicMs() >= deadlineMs) {
      log.warn("stopping while still leading some partitions: no other replica could take over in time");
      return;
    }
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
  }
}
