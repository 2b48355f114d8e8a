import type { FileSystem } from "../storage/index.js";

/**
 * Which incarnation of each peer this node has met, on disk: a peer that lost its disk comes back with another one and is
 * refused, since it may have forgotten what it promised.
 */
export class PeerRegistry {
  readonly #fileSystem: FileSystem;
  readonly #directory: string;
  readonly #known: Map<string, string>;
  #writing: Promise<void> = Promise.resolve();

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
      const text = (await handle.read(await handle.size(), 0)).toString("utf8");
      await handle.close();
      for (const [node, incarnation] of Object.entries(JSON.parse(text) as Record<string, string>))
        known.set(node, incarnation);
    }
    return new PeerRegistry(fileSystem, directory, known);
  }

  /** Some peer was met: this node may have voted and acknowledged. */
  get isKnown(): boolean {
    return this.#known.size > 0;
  }

  incarnationOf(node: string): string | undefined {
    return this.#known.get(node);
  }

  /** Resolves when it is on disk. */
  remember(node: string, incarnation: string): Promise<void> {
    if (this.#known.get(node) === incarnation) return this.#writing;
    this.#known.set(node, incarnation);
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  /** Writes beside the old file and renames, so that a crash leaves one or the other. */
  async #write(): Promise<void> {
    const path = `${this.#directory}/${FILE}`;
    const temporary = `${path}.new`;
    if (await this.#fileSystem.exists(temporary)) await this.#fileSystem.remove(temporary);
    const handle = await this.#fileSystem.open(temporary, "create");
    await handle.writev([Buffer.from(JSON.stringify(Object.fromEntries(this.#known)))], 0);
    await handle.sync();
    await handle.close();
    await this.#fileSystem.rename(temporary, path);
    await this.#fileSystem.syncDirectory(this.#directory);
  }
}

const FILE = "peers.json";
