import { randomUUID } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { type DevConfig, devReplicationFactor, type Source, StartRefusal } from "../../config/index.js";
import { lockFileName } from "./data-lock.js";

/** Raised when a data folder of this version could not be read by the one before. */
const FORMAT = 1;
const KIND = "marconi-dev-cluster";
const clusterFileName = "cluster.json";
export const logsFolderName = "logs";

/** What was decided when the data folder's cluster was first started, and cannot change under its data. */
export interface ClusterFile {
  readonly kind: typeof KIND;
  readonly format: number;
  readonly clusterId: string;
  readonly nodes: number;
  readonly partitions: number;
  readonly replicationFactor: number;
}

export type DevSources = Readonly<Record<"nodes" | "partitions" | "replicationFactor", Source>>;

export function nodeNames(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `n${i + 1}`);
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
  return content as ClusterFile;
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
 * The folder's cluster, made when there is none. What the command line leaves open is as it was; what it says otherwise is
 * refused, since messages would be looked for where they are not.
 *
 * @throws StartRefusal
 */
export function openCluster(folder: string, config: DevConfig, sources: DevSources): ClusterFile {
  const found = read(folder);
  if (found === undefined) return create(folder, config);
  const asked = { ...config, replicationFactor: devReplicationFactor(config) };
  const flags = { nodes: "--nodes", partitions: "--partitions", replicationFactor: "--replication-factor" } as const;
  for (const key of ["nodes", "partitions", "replicationFactor"] as const) {
    if (sources[key] !== "default" && asked[key] !== found[key])
      throw new StartRefusal(
        `${flags[key]} ${asked[key]} does not fit the cluster in ${folder}, which was made with ${found[key]}: ` +
          `start with ${flags[key]} ${found[key]}, or with --reset to remove it and all its messages`,
      );
  }
  return found;
}

function create(folder: string, config: DevConfig): ClusterFile {
  const cluster: ClusterFile = {
    kind: KIND,
    format: FORMAT,
    clusterId: randomUUID(),
    nodes: config.nodes,
    partitions: config.partitions,
    replicationFactor: devReplicationFactor(config),
  };
  fs.mkdirSync(folder, { recursive: true });
  const file = path.join(folder, clusterFileName);
  fs.writeFileSync(`${file}.tmp`, `${JSON.stringify(cluster, undefined, 2)}\n`);
  fs.renameSync(`${file}.tmp`, file);
  return cluster;
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
