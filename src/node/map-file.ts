import { crc32c } from "../base/index.js";
import { type ClusterMap, decodeMap, encodeMap } from "../cluster/index.js";
import { CorruptionError, type FileSystem, replaceFile } from "../storage/index.js";

const FILE = "cluster-map";
const SUM_BYTES = 4;

/** Where a node keeps the newest map that it has acted on. */
export interface MapStore {
  /** Durable when it resolves. Calls must not overlap. */
  save(map: ClusterMap): Promise<void>;
}

/**
 * The map in a node's data folder: a sum, then the map. It is written after the replicas that it gives to this node were made
 * and before those that it takes away are removed, so that a replica which it names and the log lacks is known to be lost.
 */
export class MapFile implements MapStore {
  readonly #fileSystem: FileSystem;
  readonly #directory: string;

  constructor(fileSystem: FileSystem, directory: string) {
    this.#fileSystem = fileSystem;
    this.#directory = directory;
  }

  /** Undefined when there is none: the node has never met its cluster. An unreadable one is an error, never an absent one. */
  async load(): Promise<ClusterMap | undefined> {
    const path = `${this.#directory}/${FILE}`;
    if (!(await this.#fileSystem.exists(path))) return undefined;
    const handle = await this.#fileSystem.open(path, "read");
    try {
      const bytes = await handle.read(await handle.size(), 0);
      return decode(path, bytes);
    } finally {
      await handle.close();
    }
  }

  async save(map: ClusterMap): Promise<void> {
    const content = encodeMap(map);
    const sum = Buffer.alloc(SUM_BYTES);
    sum.writeUInt32LE(crc32c(content));
    await replaceFile(this.#fileSystem, this.#directory, FILE, [sum, Buffer.from(content)]);
  }
}

function decode(path: string, bytes: Buffer): ClusterMap {
  const content = bytes.subarray(SUM_BYTES);
  try {
    if (bytes.length > SUM_BYTES && bytes.readUInt32LE(0) === crc32c(content)) return decodeMap(content);
  } catch (error) {
    throw damaged(path, (error as Error).message);
  }
  throw damaged(path, "its sum is wrong");
}

function damaged(path: string, problem: string): CorruptionError {
  return new CorruptionError(
    path,
    0,
    `the cluster map cannot be read (${problem})`,
    "Start the node with --replace-data and --join: it comes back as a new incarnation and is filled from the others",
  );
}
