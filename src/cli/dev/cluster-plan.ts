import path from "node:path";
import { type DevConfig, gatewaySchema, nodeSchema, processFlags, toFlags } from "../../config/index.js";
import { type ClusterFile, logsFolderName, nodeNames } from "./cluster-file.js";
import type { ProcessPlan } from "./managed-process.js";

/** How long a process may take to stop in order before the supervisor kills it. */
export const stopTimeoutMs = 10_000;
/** All nodes stop together here: leaderships have nowhere to go. */
const DRAIN_MS = 0;

export interface ClusterPlan {
  readonly nodes: readonly ProcessPlan[];
  readonly gateway: ProcessPlan;
  readonly partitions: number;
  /** Where clients go. */
  readonly url: string;
}

/** The processes of a cluster and everything they are told. `folder` is absolute. */
export function planCluster(folder: string, cluster: ClusterFile, config: DevConfig): ClusterPlan {
  const logFile = (name: string): string => path.join(folder, logsFolderName, `${name}.log`);
  const names = nodeNames(cluster.nodes);
  const members = names.map((id, i) => ({ id, address: `${config.host}:${config.basePort + i + 1}` }));
  const nodes = members.map(({ id, address }, i): ProcessPlan => {
    const metricsPort = config.metricsBasePort + i + 1;
    const flags = toFlags(nodeSchema, {
      nodeId: id,
      clusterId: cluster.clusterId,
      dataDir: path.join(folder, id),
      listen: address,
      members,
      partitions: cluster.partitions,
      replicationFactor: cluster.replicationFactor,
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
    nodes: members.map((member) => member.address),
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
  return { nodes, gateway, partitions: cluster.partitions, url: `http://${config.host}:${config.port}` };
}

function operationsUrls(host: string, port: number): Pick<ProcessPlan, "readyUrl" | "metricsUrl"> {
  return { readyUrl: `http://${host}:${port}/ready`, metricsUrl: `http://${host}:${port}/metrics` };
}
