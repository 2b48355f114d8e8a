import { CorruptionError, type FileSystem, replaceFile } from "../storage/index.js";

/**
 * Which incarnation of each peer this node has met, on disk: a peer that lost its disk comes back with another one and is
 * refused, since it may have forgotten what it promised. It bridges the time until the cluster map names the incarnations of the
 * founding members.
 */
export class PeerRegistry {
  readonly #fileSystem: FileSystem;
  readonly #directory: string;
  readonly #known: Map<string, string>;
  #writing: Promise<void> = Promise.resolve();
  /** Peers that were met and are not on disk yet. */
  readonly #unwritten = new Set<string>();

  private constructor(fileSystem: FileSystem, directory: string, known: Map<string, string>) {
    this.#fileSystem = fileSystem;
    this.#directory = directory;
    this.#known = known;
  }

  /** Reads the registry of a data folder; an unreadable one is an error, never an empty one. */
  static async open(fileSystem: FileSystem, directory: string): Promise<PeerRegistry> {
    const path = `${directory}/${FILE}`;
    const known = new Map<string, string>();
    if (await fileSystem.exists(path)) {
      const handle = await fileSystem.open(path, "read");
      try {
        const bytes = await handle.read(await handle.size(), 0);
        for (const [node, incarnation] of parse(path, bytes)) known.set(node, incarnation);
      } finally {
        await handle.close();
      }
    }
    return new PeerRegistry(fileSystem, directory, known);
  }

  incarnationOf(node: string): string | undefined {
    return this.#known.get(node);
  }

  /** Resolves when it is on disk. Rejects when it cannot be written; asking again writes again, to a file of its own. */
  remember(node: string, incarnation: string): Promise<void> {
    if (this.#known.get(node) === incarnation && !this.#unwritten.has(node)) return Promise.resolve();
    this.#known.set(node, incarnation);
    this.#unwritten.add(node);
    const write = async (): Promise<void> => {
      const written = [...this.#unwritten];
      await this.#write();
      for (const one of written) this.#unwritten.delete(one);
    };
    this.#writing = this.#writing.then(write, write);
    return this.#writing;
  }

  #write(): Promise<void> {
    const content = Buffer.from(JSON.stringify(Object.fromEntries(this.#known)));
    return replaceFile(this.#fileSystem, this.#directory, FILE, [content]);
  }
}

const FILE = "peers.json";

/** The peers that were met. Whatever is not exactly what `#write` writes is damage. */
function parse(path: string, bytes: Uint8Array): [node: string, incarnation: string][] {
  const damaged = (problem: string): CorruptionError =>
    new CorruptionError(
      path,
      -1,
      `the record of which peers this node has met cannot be read (${problem})`,
      "Restore it from a backup of this folder: without it a peer that lost its disk would not be noticed",
    );
  let content: unknown;
  try {
    content = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch (error) {
    throw damaged((error as Error).message);
  }
  if (typeof content !== "object" || content === null || Array.isArray(content)) throw damaged("it holds no object");
  return Object.entries(content).map(([node, incarnation]: [string, unknown]) => {
    if (typeof incarnation !== "string") throw damaged(`the incarnation of ${node} is no text`);
    return [node, incarnation];
  });
}
