import path from "node:path";
import { type DevConfig, gatewaySchema, type Member, nodeSchema, processFlags, toFlags } from "../../config/index.js";
import { type ClusterFile, livingNumbers, logsFolderName, nodeNames } from "./cluster-file.js";
import type { ProcessPlan } from "./managed-process.js";

/** How long a process may take to stop in order before the supervisor kills it. */
export const stopTimeoutMs = 10_000;
/** All nodes stop together here: leaderships have nowhere to go. */
const DRAIN_MS = 0;

export interface ClusterPlan {
  readonly nodes: readonly ProcessPlan[];
  readonly gateway: ProcessPlan;
  /** The nodes' names and gRPC listeners. */
  readonly members: readonly Member[];
  readonly partitions: number;
  /** Where clients go. */
  readonly url: string;
}

/** What the processes need to know of a cluster. Left out: all its nodes founded it, and none was removed. */
export type PlannedCluster = Pick<ClusterFile, "clusterId" | "nodes" | "partitions" | "replicationFactor"> &
  Partial<Pick<ClusterFile, "founders" | "removed">>;

/** The processes of a cluster and everything they are told. `folder` is absolute. */
export function planCluster(folder: string, cluster: PlannedCluster, config: DevConfig): ClusterPlan {
  const { founders = cluster.nodes, partitions } = cluster;
  const logFile = (name: string): string => path.join(folder, logsFolderName, `${name}.log`);
  const everybody = nodeNames(cluster.nodes).map((id, i) => ({
    id,
    address: `${config.host}:${config.basePort + i + 1}`,
  }));
  const founding = everybody.slice(0, founders);
  const numbers = livingNumbers(cluster);
  const living = numbers.map((number) => everybody[number - 1] as Member);
  const nodes = living.map(({ id, address }, i): ProcessPlan => {
    const number = numbers[i] as number;
    const metricsPort = config.metricsBasePort + number;
    const others = living.filter((other) => other.id !== id);
    const hosts = others.filter((other) => founding.includes(other));
    const join = (hosts.length > 0 ? hosts : others).map((host) => host.address);
    const flags = toFlags(nodeSchema, {
      nodeId: id,
      clusterId: cluster.clusterId,
      dataDir: path.join(folder, id),
      listen: address,
      ...(number <= founders ? { members: founding, replicationFactor: cluster.replicationFactor } : { join }),
      partitions,
      metricsPort,
      drainMs: DRAIN_MS,
      stopTimeoutMs,
      logLevel: config.logLevel,
    });
    const urls = operationsUrls(config.host, metricsPort);
    const { node: nodeArgs, environment } = processFlags;
    return { name: id, nodeArgs, args: ["node", ...flags], environment, logFile: logFile(id), ...urls };
  });
  const flags = toFlags(gatewaySchema, {
    listen: `${config.host}:${config.port}`,
    nodes: living.map((member) => member.address),
    clusterId: cluster.clusterId,
    metricsPort: config.metricsBasePort,
    stopTimeoutMs,
    logLevel: config.logLevel,
  });
  const gateway: ProcessPlan = {
    name: "gateway",
    nodeArgs: processFlags.gateway,
    args: ["gateway", ...flags],
    environment: processFlags.environment,
    logFile: logFile("gateway"),
    ...operationsUrls(config.host, config.metricsBasePort),
  };
  return { nodes, gateway, members: living, partitions, url: `http://${config.host}:${config.port}` };
}

function operationsUrls(host: string, port: number): Pick<ProcessPlan, "readyUrl" | "metricsUrl"> {
  return { readyUrl: `http://${host}:${port}/ready`, metricsUrl: `http://${host}:${port}/metrics` };
}
