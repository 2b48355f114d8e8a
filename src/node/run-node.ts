import { randomBytes } from "node:crypto";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { GrpcPeers, type PeerHandlers } from "../peer/index.js";
import { channelOptions, PROTOCOL_VERSION } from "../rpc/index.js";
import {
  type DataDirectory,
  openCheckpointStore,
  openDataDirectory,
  openShardLog,
  RealFileSystem,
  type RecoveredGroup,
} from "../storage/index.js";
import type { Logger } from "../telemetry/index.js";
import { DiskWatch } from "./disk-watch.js";
import { registerGatewayService } from "./gateway-service.js";
import { type Member, MemberMap } from "./members.js";
import { NodeMetrics } from "./metrics.js";
import { openReplica } from "./open-replica.js";
import { PeerRegistry } from "./peer-registry.js";
import { systemClock, systemTimers } from "./real-env.js";
import { Shard } from "./shard.js";

export interface NodeOptions {
  readonly nodeId: string;
  readonly clusterId: string;
  readonly dataDirectory: string;
  /** host:port of the gRPC listener for peers and gateways. */
  readonly listen: string;
  /** host:port of /metrics, /health and /ready. */
  readonly metricsListen: string;
  readonly members: readonly Member[];
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly tickMs: number;
  readonly heartbeatTicks: number;
  readonly electionTicks: number;
  readonly segmentBytes: number;
  /** Log of the whole node that may pile up before checkpoints: bounds what a restart replays. */
  readonly checkpointLogBytes: number;
  /** How long a stopping node tries to hand its leaderships over. */
  readonly drainMs: number;
  readonly log: Logger;
  /** Ends the process at once: called after an error that must not be survived. */
  fatal(error: Error): void;
}

export interface RunningNode {
  /** Hands leaderships over, finishes what is in flight, closes the log cleanly. */
  stop(): Promise<void>;
}

/** Starts a storage node; resolves when it listens. Rejects with a message that says what to do when it cannot. */
export async function runNode(options: NodeOptions): Promise<RunningNode> {
  const { log } = options;
  const members = new MemberMap(options.members, options.partitions, options.replicationFactor);
  const fileSystem = new RealFileSystem();
  const data = await openDataDirectory({
    path: options.dataDirectory,
    clusterId: options.clusterId,
    nodeId: options.nodeId,
    fileSystem,
  });
  try {
    return await startNode(options, members, fileSystem, data);
  } catch (error) {
    log.error({ err: error }, "the node cannot start");
    await data.close();
    throw error;
  }
}

async function startNode(
  options: NodeOptions,
  members: MemberMap,
  fileSystem: RealFileSystem,
  data: DataDirectory,
): Promise<RunningNode> {
  const { log, nodeId } = options;
  const metrics = new NodeMetrics(nodeId);
  const store = await openCheckpointStore({ directory: data.storeDirectory });
  const opened = await openShardLog({
    directory: data.walDirectory,
    clusterId: options.clusterId,
    nodeId,
    shard: 0,
    fileSystem,
    segmentBytes: options.segmentBytes,
    observer: metrics,
    onFatal: options.fatal,
  });
  const shard = new Shard({
    nodeId,
    members,
    clock: systemClock,
    timers: systemTimers,
    log: opened.log,
    store,
    logger: log,
    tickMs: options.tickMs,
    checkpointLogBytes: options.checkpointLogBytes / Math.max(1, options.partitions),
    observer: metrics,
    fatal: options.fatal,
  });
  await openReplicas(options, members, shard, opened.groups, store);
  metrics.watch(shard, opened.log);
  const registry = await PeerRegistry.open(fileSystem, options.dataDirectory);
  const peers = makePeers(options, members, shard, registry, data.incarnation);
  const server = new Server(channelOptions);
  peers.register(server);
  registerGatewayService(server, { clusterId: options.clusterId, nodeId, members, shard, log });
  await bind(server, options.listen);
  const disk = new DiskWatch(fileSystem, options.dataDirectory, log, (full) => {
    shard.storageFull = full;
  });
  await disk.check();
  disk.start(systemTimers);
  const metricsServer = await metrics.serve(options.metricsListen, shard);
  peers.start();
  shard.start(peers);
  log.info({ listen: options.listen, partitions: shard.replicas.size }, "node started");
  return {
    stop: async () => {
      await drain(shard, options.drainMs, log);
      disk.stop();
      shard.stop();
      await peers.close();
      server.forceShutdown();
      await shard.close();
      await opened.log.close();
      await store.close();
      await metricsServer.close();
      await data.close();
      log.info("node stopped");
    },
  };
}

async function openReplicas(
  options: NodeOptions,
  members: MemberMap,
  shard: Shard,
  groups: readonly RecoveredGroup[],
  store: Awaited<ReturnType<typeof openCheckpointStore>>,
): Promise<void> {
  const { nodeId } = options;
  const recovered = new Map(groups.map((group) => [group.group, group]));
  const held: number[] = [];
  for (let partition = 0; partition < members.partitionCount; partition++)
    if (members.nodesOf(partition).includes(nodeId)) held.push(partition);
  const strange = [...recovered.keys()].filter((group) => !held.includes(group));
  if (strange.length > 0)
    throw new Error(
      `${options.dataDirectory} holds partitions ${strange.join(", ")}, which this node has no part in under the given ` +
        `--members, --partitions and --replication-factor: start it with the values it had before`,
    );
  const opening = held.map(async (partition) => {
    const { replica, checkpoint } = await openReplica(
      {
        nodeId,
        members,
        log: shard.log,
        store,
        host: shard,
        heartbeatTicks: options.heartbeatTicks,
        electionTicks: options.electionTicks,
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
  options: NodeOptions,
  members: MemberMap,
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
  const others = members.members.filter((member) => member.id !== options.nodeId);
  return new GrpcPeers({
    rules: {
      own: {
        protocolVersion: PROTOCOL_VERSION,
        clusterId: options.clusterId,
        nodeId: options.nodeId,
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
    log: options.log,
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
