import { ClusterAdmin } from "../admin/index.js";
import { type ClusterMap, foundingMap } from "../cluster/index.js";
import { advertisedAddress, type NodeConfig, StartRefusal } from "../config/index.js";
import type { DataDirectory } from "../storage/index.js";
import type { Logger } from "../telemetry/index.js";
import { nodeLimits } from "./limits.js";
import type { MapFile } from "./map-file.js";

export interface EnterOptions {
  readonly config: NodeConfig;
  readonly data: DataDirectory;
  readonly mapFile: MapFile;
  readonly log: Logger;
}

/** The map that a node starts with; `stored` when its own folder had it. */
export interface Entered {
  readonly map: ClusterMap;
  readonly stored: boolean;
}

/**
 * Finds this node's place in its cluster. A folder that has a map is that of a member. A new one is a founder's, unless the
 * cluster runs already: then it lost its disk, or is new, and asks to be taken in.
 */
export async function enterCluster(options: EnterOptions): Promise<Entered> {
  const { config, data, mapFile } = options;
  const stored = await mapFile.load();
  if (stored !== undefined) {
    refuseFormerMember(stored, data);
    return { map: stored, stored: true };
  }
  if (config.join.length > 0) return { map: await join(options, config.join), stored: false };
  return { map: await found(options), stored: false };
}

function refuseFormerMember(map: ClusterMap, { nodeId, incarnation, path }: DataDirectory): void {
  const former = map.nodes.find((node) => node.id === nodeId && node.incarnation === incarnation);
  if (former?.state !== "gone" && former?.state !== "lost") return;
  const what = former.state === "gone" ? "was removed from its cluster" : "was replaced by another incarnation";
  throw new StartRefusal(
    `${path} belongs to node ${nodeId}, which ${what}: its data is of no use any more. To join again as a new node, start it ` +
      "with --replace-data and --join",
  );
}

async function join({ config, data, log }: EnterOptions, addresses: readonly string[]): Promise<ClusterMap> {
  const admin = new ClusterAdmin({
    ...{ addresses, timeoutMs: nodeLimits.joinTimeoutMs, clusterId: config.clusterId },
  });
  log.info({ addresses }, "asking the cluster to take this node in");
  try {
    const { nodeId, incarnation } = data;
    return await admin.change({ op: "add-node", id: nodeId, incarnation, address: advertisedAddress(config) });
  } catch (error) {
    throw new StartRefusal(`cannot join the cluster by way of ${addresses.join(", ")}: ${(error as Error).message}`, {
      cause: error,
    });
  } finally {
    admin.close();
  }
}

/** A founding member's first start: first it asks whether the others run already, and whether they have met it before. */
async function found(options: EnterOptions): Promise<ClusterMap> {
  const { config, data, log } = options;
  const others = config.members.filter(({ id }) => id !== config.nodeId).map(({ address }) => address);
  const known = (await Promise.all(others.map((address) => ask(options, address)))).filter((map) => map !== undefined);
  const newest = known.sort((a, b) => b.version - a.version)[0];
  if (newest === undefined || newest.version === 1)
    return foundingMap({
      ...{ members: config.members, partitionCount: config.partitions, replicationFactor: config.replicationFactor },
    });
  const rows = newest.nodes.filter(({ id }) => id === config.nodeId);
  if (rows.some(({ incarnation }) => incarnation === "" || incarnation === data.incarnation)) return newest;
  if (rows.length === 0)
    throw new StartRefusal(
      `the cluster at ${others.join(", ")} runs already, and node ${config.nodeId} is not one of it: start it with --join`,
    );
  log.warn(
    { node: config.nodeId },
    "the cluster knows this node with another disk: it joins again as a new incarnation",
  );
  return join(options, others);
}

/** The map of the node at an address; undefined when it does not answer, or is of another cluster. */
async function ask({ config, log }: EnterOptions, address: string): Promise<ClusterMap | undefined> {
  const admin = new ClusterAdmin({
    ...{ addresses: [address], timeoutMs: nodeLimits.askTimeoutMs, clusterId: config.clusterId },
  });
  try {
    const { map, clusterId } = await admin.describe(address);
    return clusterId === config.clusterId ? map : undefined;
  } catch (error) {
    log.debug({ address, err: error }, "a founding member does not answer");
    return undefined;
  } finally {
    admin.close();
  }
}
