import { randomUUID } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { type DevConfig, devNodesMax, devReplicationFactor, type Source, StartRefusal } from "../../config/index.js";
import { lockFileName } from "./data-lock.js";

/** Raised when a data folder of this version could not be read by the one before. 2: clusters grow, and nodes are removed. */
const FORMAT = 2;
const KIND = "marconi-dev-cluster";
const clusterFileName = "cluster.json";
export const logsFolderName = "logs";

/** What is known of the data folder's cluster without asking it. Its nodes are called n1, n2 and so on, each name once. */
export interface ClusterFile {
  readonly kind: typeof KIND;
  readonly format: number;
  readonly clusterId: string;
  /** Nodes 1 to this founded the cluster; the others have joined. */
  readonly founders: number;
  /** The highest number that a node got. */
  readonly nodes: number;
  /** Names of those that were removed from the cluster. */
  readonly removed: readonly string[];
  readonly partitions: number;
  /** At foundation. */
  readonly replicationFactor: number;
}

export type DevSources = Readonly<Record<"nodes" | "partitions" | "replicationFactor", Source>>;

export function nodeNames(count: number): string[] {
  return Array.from({ length: count }, (_, i) => nodeName(i + 1));
}

export function nodeName(number: number): string {
  return `n${number}`;
}

export type NodeNumbers = Pick<ClusterFile, "nodes"> & Partial<Pick<ClusterFile, "removed">>;

/** Of the nodes that run. */
export function livingNumbers({ nodes, removed = [] }: NodeNumbers): number[] {
  return Array.from({ length: nodes }, (_, i) => i + 1).filter((number) => !removed.includes(nodeName(number)));
}

/** The cluster in the folder; undefined for a folder that is missing, empty, or holds nothing but a lock. */
function read(folder: string): ClusterFile | undefined {
  const names = fs.existsSync(folder) ? fs.readdirSync(folder) : [];
  if (!names.includes(clusterFileName)) {
    const foreign = names.filter((name) => !name.startsWith(lockFileName) && !name.startsWith(clusterFileName));
    if (foreign.length === 0) return undefined;
    throw new StartRefusal(
      `${folder} holds "${foreign[0]}" and more that is not of a Marconi cluster: choose an empty folder with --data`,
    );
  }
  const file = path.join(folder, clusterFileName);
  const content = parse(fs.readFileSync(file, "utf8"));
  if (content?.kind !== KIND || typeof content.format !== "number")
    throw new StartRefusal(`${file} is not the file of a Marconi cluster: choose another folder with --data`);
  if (content.format > FORMAT)
    throw new StartRefusal(
      `${folder} was written by a newer Marconi (format ${content.format}; this one knows up to ${FORMAT}): ` +
        "start it with that one, or choose another folder with --data",
    );
  const { founders = content.nodes, removed = [] } = content;
  return { ...content, format: FORMAT, founders, removed } as ClusterFile;
}

function parse(text: string): Partial<ClusterFile> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Refuses a folder that is not ours, before anything is written to it. @throws StartRefusal */
export function checkFolder(folder: string): void {
  read(folder);
}

/**
 * The folder's cluster, made when there is none; with more nodes than it has when more are asked for, which is remembered by
 * `saveCluster`. What the command line leaves open is as it was; what it says otherwise is refused, since messages would be
 * looked for where they are not.
 *
 * @throws StartRefusal
 */
export function openCluster(folder: string, config: DevConfig, sources: DevSources): ClusterFile {
  const found = read(folder);
  if (found === undefined) return create(folder, config);
  const fixed = (flag: string, asked: number, made: number, instead: string): void => {
    if (asked !== made)
      throw new StartRefusal(
        `${flag} ${asked} does not fit the cluster in ${folder}, which was made with ${made}: start with ${flag} ${made}, ${instead}` +
          "or with --reset to remove it and all its messages",
      );
  };
  if (sources.partitions !== "default") fixed("--partitions", config.partitions, found.partitions, "");
  const elsewhere = "change it with marconi cluster set-replication-factor while it runs, ";
  if (sources.replicationFactor !== "default")
    fixed("--replication-factor", devReplicationFactor(config), found.replicationFactor, elsewhere);
  return sources.nodes === "default" ? found : resized(folder, found, config.nodes);
}

function resized(folder: string, cluster: ClusterFile, asked: number): ClusterFile {
  const living = livingNumbers(cluster);
  if (asked < living.length) {
    const last = nodeName(living[living.length - 1] ?? 0);
    throw new StartRefusal(
      `--nodes ${asked} is fewer than the ${living.length} of the cluster in ${folder}: first start it as it is and remove nodes, ` +
        `with marconi node remove ${last} --wait, so that what they hold is moved to others`,
    );
  }
  if (asked === living.length) return cluster;
  const nodes = cluster.nodes + asked - living.length;
  if (nodes > devNodesMax)
    throw new StartRefusal(
      `--nodes ${asked} needs new nodes up to ${nodeName(nodes)}, and there are names and ports up to ${nodeName(devNodesMax)} only: ` +
        "those of removed nodes are not used again",
    );
  return { ...cluster, nodes };
}

/** Remembers that a node was removed from the cluster, so that it is not started any more. Its data stays. */
export function recordRemoval(folder: string, name: string): void {
  const cluster = read(folder);
  if (cluster === undefined || cluster.removed.includes(name)) return;
  saveCluster(folder, { ...cluster, removed: [...cluster.removed, name] });
}

function create(folder: string, config: DevConfig): ClusterFile {
  const cluster = {
    kind: KIND,
    format: FORMAT,
    clusterId: randomUUID(),
    founders: config.nodes,
    nodes: config.nodes,
    removed: [],
    partitions: config.partitions,
    replicationFactor: devReplicationFactor(config),
  } as const;
  saveCluster(folder, cluster);
  return cluster;
}

export function saveCluster(folder: string, cluster: ClusterFile): void {
  fs.mkdirSync(folder, { recursive: true });
  const file = path.join(folder, clusterFileName);
  fs.writeFileSync(`${file}.tmp`, `${JSON.stringify(cluster, undefined, 2)}\n`);
  fs.renameSync(`${file}.tmp`, file);
}

/**
 * Removes the cluster in the folder: what it is known to have made there and nothing else. Its file goes last, so that an
 * interrupted removal can be repeated.
 */
export function removeCluster(folder: string): void {
  const found = read(folder);
  if (found === undefined) return;
  for (const name of [...nodeNames(found.nodes), logsFolderName, clusterFileName])
    fs.rmSync(path.join(folder, name), { recursive: true, force: true });
}
