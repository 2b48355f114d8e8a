import { randomBytes, randomUUID } from "node:crypto";
import { ByteReader, ByteWriter, DecodeError } from "../base/index.js";
import { type DirectoryLock, lockDirectory, type ProcessTable } from "./directory-lock.js";
import { makeDurableDirectory } from "./durable-directory.js";
import { DataDirectoryError, REPLACE_NODE_ADVICE } from "./errors.js";
import type { FileSystem } from "./file-system.js";
import { Superblock, superblockDamaged } from "./superblock.js";

/** The number that only grows: an older program refuses a newer folder. */
export const DATA_FORMAT = 2;

const LOCK_NAME = "lock";
const QUARANTINE = "quarantine-";

export interface DataDirectoryOptions {
  readonly path: string;
  /** Expected cluster. At first start it becomes the folder's; when left out then, a random one is made. */
  readonly clusterId?: string;
  /** Expected node, likewise. */
  readonly nodeId?: string;
  readonly fileSystem: FileSystem;
  /**
   * Start over under a new incarnation: everything in the folder is moved to `quarantine-<n>/` inside it, never deleted. For a
   * node whose data is damaged or whose identity is to be given up.
   */
  readonly reset?: boolean;
  readonly processes?: ProcessTable;
  /** `bytes` random bytes in lower-case hex; from the operating system by default. */
  readonly randomHex?: (bytes: number) => string;
}

export interface NodeIdentity {
  readonly clusterId: string;
  readonly nodeId: string;
  /** 16 hex digits, random at first start and after a reset: what this node promised before a loss of its disk does not bind it. */
  readonly incarnation: string;
}

/** A node's data folder, locked for this process. */
export interface DataDirectory extends NodeIdentity {
  readonly path: string;
  /** True when this call made the identity. */
  readonly created: boolean;
  /** Folders of a shard's log and of its checkpoint store; neither is made here. */
  logDirectory(shard: number): string;
  storeDirectory(shard: number): string;
  /**
   * Moves a shard's log and store into a new `quarantine-<n>/`, for a shard whose data is damaged: nothing is deleted. Neither may
   * be open. Resolves to where they are now.
   */
  setAside(shard: number): Promise<string>;
  /** Gives the lock back. */
  close(): Promise<void>;
}

/**
 * Opens the data folder of a node, making it at first start. Throws DataDirectoryError when it is in use, belongs to another
 * cluster or node, or was written by a newer version; CorruptionError when its identity cannot be read.
 */
export async function openDataDirectory(options: DataDirectoryOptions): Promise<DataDirectory> {
  const { path, fileSystem } = options;
  await makeDurableDirectory(fileSystem, path);
  const lock = await lockDirectory(fileSystem, `${path}/${LOCK_NAME}`, options.processes);
  try {
    if (options.reset === true) await quarantine(fileSystem, path);
    const superblock = new Superblock(fileSystem, path, DATA_FORMAT);
    const known = await readIdentity(superblock, path);
    const identity = known ?? (await createIdentity(options, superblock));
    if (known !== undefined) refuseForeign(options, known);
    return assemble(fileSystem, path, identity, known === undefined, lock);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

function assemble(
  fileSystem: FileSystem,
  path: string,
  identity: NodeIdentity,
  created: boolean,
  lock: DirectoryLock,
): DataDirectory {
  const shardName = (shard: number): string => `shard-${String(shard).padStart(2, "0")}`;
  const shardPath = (shard: number): string => `${path}/${shardName(shard)}`;
  return {
    ...identity,
    path,
    created,
    logDirectory: (shard) => `${shardPath(shard)}/wal`,
    storeDirectory: (shard) => `${shardPath(shard)}/store`,
    setAside: async (shard) => {
      const target = await makeQuarantine(fileSystem, path);
      await fileSystem.rename(shardPath(shard), `${target}/${shardName(shard)}`);
      await fileSystem.syncDirectory(target);
      await fileSystem.syncDirectory(path);
      return target;
    },
    close: () => lock.release(),
  };
}

async function readIdentity(superblock: Superblock, path: string): Promise<NodeIdentity | undefined> {
  const content = await superblock.read();
  if (content.state === "missing") return undefined;
  if (content.state === "damaged") throw superblockDamaged(superblock.path(0), REPLACE_NODE_ADVICE);
  const input = new ByteReader(content.payload);
  try {
    return { clusterId: input.text16(), nodeId: input.text16(), incarnation: input.text16() };
  } catch (error) {
    if (error instanceof DecodeError) throw superblockDamaged(`${path}/superblock.0`, REPLACE_NODE_ADVICE);
    throw error;
  }
}

/** First start. Folders of shards without an identity mean that the superblock was lost, and this node's promises with it. */
async function createIdentity(options: DataDirectoryOptions, superblock: Superblock): Promise<NodeIdentity> {
  const { path, fileSystem } = options;
  const left = (await fileSystem.list(path)).filter((name) => name.startsWith("shard-"));
  if (left.length > 0) {
    throw new DataDirectoryError(path, `holds ${left.join(", ")} but no identity`, REPLACE_NODE_ADVICE);
  }
  const randomHex = options.randomHex ?? ((bytes: number) => randomBytes(bytes).toString("hex"));
  const identity = {
    clusterId: options.clusterId ?? randomUUID(),
    nodeId: options.nodeId ?? randomUUID(),
    incarnation: randomHex(8),
  };
  const out = new ByteWriter();
  out.text16(identity.clusterId);
  out.text16(identity.nodeId);
  out.text16(identity.incarnation);
  await superblock.create(out.view());
  return identity;
}

function refuseForeign(options: DataDirectoryOptions, found: NodeIdentity): void {
  if (options.clusterId !== undefined && options.clusterId !== found.clusterId) {
    refuse(options.path, "cluster", found.clusterId, options.clusterId);
  }
  if (options.nodeId !== undefined && options.nodeId !== found.nodeId) {
    refuse(options.path, "node", found.nodeId, options.nodeId);
  }
}

function refuse(path: string, what: string, found: string, wanted: string): never {
  throw new DataDirectoryError(
    path,
    `belongs to ${what} ${found}, but this process was started as ${what} ${wanted}`,
    `Point it at its own data folder, or correct the ${what} id; to give this folder's data up, start with a reset data folder`,
  );
}

async function quarantine(fileSystem: FileSystem, path: string): Promise<void> {
  const names = await fileSystem.list(path);
  const content = names.filter((name) => name !== LOCK_NAME && !name.startsWith(QUARANTINE));
  if (content.length === 0) return;
  const target = await makeQuarantine(fileSystem, path);
  // The identity goes first: a crash in between leaves a folder that is refused, never an identity without its promises.
  const isIdentity = (name: string): boolean => name.startsWith("superblock.");
  for (const names of [content.filter(isIdentity), content.filter((name) => !isIdentity(name))]) {
    for (const name of names) await fileSystem.rename(`${path}/${name}`, `${target}/${name}`);
    await fileSystem.syncDirectory(target);
    await fileSystem.syncDirectory(path);
  }
}

async function makeQuarantine(fileSystem: FileSystem, path: string): Promise<string> {
  const earlier = (await fileSystem.list(path)).filter((name) => name.startsWith(QUARANTINE));
  // Some of them may have been removed by now: after the last, never into one that is there.
  const last = Math.max(0, ...earlier.map((name) => Number(name.slice(QUARANTINE.length)) || 0));
  const target = `${path}/${QUARANTINE}${String(last + 1)}`;
  await fileSystem.makeDirectory(target);
  return target;
}
