import { CheckpointEngine, type ViewableCheckpointStore } from "./checkpoint-engine.js";
import type { Row } from "./checkpoint-store.js";
import { asError } from "./errors.js";
import { systemError } from "./memory-file-system.js";
import type { OrderedRows, RowScan } from "./ordered-rows.js";
import type { GroupId } from "./shard-log.js";

const SCAN_COUNT_MAX = 100;

/** The "disk" under a memory store: outlives the store, as a folder outlives a process. */
export class MemoryCheckpointDisk {
  readonly #rows = new Map<string, Row>();
  /** Rows of damaged groups, by the names of their places. */
  readonly aside = new Map<string, readonly Row[]>();
  /** The keys in order; undefined after a key came or went. */
  #sorted: string[] | undefined;
  #life = 0;
  #failure: string | undefined;
  #writesLeft = 0;

  /** Keys are the stored keys in hex: a hex string sorts as its bytes do. */
  get(key: string): Row | undefined {
    return this.#rows.get(key);
  }

  set(key: string, row: Row): void {
    if (!this.#rows.has(key)) this.#sorted = undefined;
    this.#rows.set(key, row);
  }

  delete(key: string): void {
    if (this.#rows.delete(key)) this.#sorted = undefined;
  }

  /** Keys in [from, to), ascending, at most `countMax`. */
  range(from: string, to: string, countMax: number): string[] {
    this.#sorted ??= [...this.#rows.keys()].sort();
    const keys: string[] = [];
    for (let i = lowerBound(this.#sorted, from); i < this.#sorted.length && keys.length < countMax; i++) {
      const key = this.#sorted[i];
      if (key === undefined || key >= to) break;
      keys.push(key);
    }
    return keys;
  }

  /** Number of the store that may use the disk: earlier ones are dead, as after a crash. */
  get life(): number {
    return this.#life;
  }

  /** Ends all stores on this disk: whatever they had not been told is written is lost. */
  crash(): void {
    this.#life++;
  }

  /** Lets writes fail with this error code after `writesLeft` more have worked; undefined ends that. */
  failWrites(code: string | undefined, writesLeft = 0): void {
    this.#failure = code;
    this.#writesLeft = writesLeft;
  }

  /** Throws when the coming write is to fail. */
  beforeWrite(): void {
    if (this.#failure === undefined) return;
    if (this.#writesLeft === 0) throw systemError(this.#failure, "memory");
    this.#writesLeft--;
  }
}

/** The twin of `openCheckpointStore` in memory, for unit tests and the simulator. Every write is durable when it resolves. */
export async function openMemoryCheckpointStore(
  disk: MemoryCheckpointDisk = new MemoryCheckpointDisk(),
): Promise<ViewableCheckpointStore> {
  const engine = new CheckpointEngine(new MemoryRows(disk), "memory");
  await engine.removeLeftovers();
  return engine;
}

class MemoryRows implements OrderedRows {
  readonly #disk: MemoryCheckpointDisk;
  readonly #life: number;
  #open = true;

  constructor(disk: MemoryCheckpointDisk) {
    this.#disk = disk;
    this.#life = disk.life;
  }

  get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#answer(() => this.#disk.get(hexOf(key))?.value);
  }

  write(puts: Iterable<Row>, deletes: readonly Uint8Array[]): Promise<void> {
    return this.#answer(() => {
      this.#disk.beforeWrite();
      for (const key of deletes) this.#disk.delete(hexOf(key));
      for (const { key, value } of puts)
        this.#disk.set(hexOf(key), { key: new Uint8Array(key), value: new Uint8Array(value) });
    });
  }

  scan(from: Uint8Array, to: Uint8Array): RowScan {
    const found = this.#range(from, to, Number.MAX_SAFE_INTEGER);
    return {
      next: () => this.#answer(() => found.splice(0, SCAN_COUNT_MAX)),
      close: () => Promise.resolve(),
    };
  }

  setAside(group: GroupId, from: Uint8Array, to: Uint8Array): Promise<string> {
    return this.#answer(() => {
      const place = `group-${String(group)}-${String(this.#disk.aside.size + 1)}`;
      this.#disk.aside.set(place, this.#range(from, to, Number.MAX_SAFE_INTEGER));
      return place;
    });
  }

  keys(from: Uint8Array, to: Uint8Array, countMax: number): Promise<Uint8Array[]> {
    return this.#answer(() => this.#range(from, to, countMax).map(({ key }) => key));
  }

  close(): Promise<void> {
    this.#open = false;
    return Promise.resolve();
  }

  #range(from: Uint8Array, to: Uint8Array, countMax: number): Row[] {
    const rows: Row[] = [];
    for (const key of this.#disk.range(hexOf(from), hexOf(to), countMax)) {
      const row = this.#disk.get(key);
      if (row !== undefined) rows.push(row);
    }
    return rows;
  }

  #answer<T>(act: () => T): Promise<T> {
    if (!this.#open || this.#life !== this.#disk.life) return Promise.reject(systemError("EBADF", "memory"));
    try {
      return Promise.resolve(act());
    } catch (error) {
      return Promise.reject(asError(error));
    }
  }
}

function hexOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString("hex");
}

/** Index of the first key at or after `key`. */
function lowerBound(sorted: readonly string[], key: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? "") < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
