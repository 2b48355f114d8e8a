import { CheckpointEngine, type ViewableCheckpointStore } from "./checkpoint-engine.js";
import type { Row } from "./checkpoint-store.js";
import { systemError } from "./memory-file-system.js";
import type { OrderedRows, RowScan } from "./ordered-rows.js";

const SCAN_COUNT_MAX = 100;

/** The "disk" under a memory store: outlives the store, as a folder outlives a process. */
export class MemoryCheckpointDisk {
  /** Stored key in hex -> stored row; a hex string sorts as its bytes do. */
  readonly rows = new Map<string, Row>();
  #life = 0;
  #failWrites: string | undefined;

  /** Number of the store that may use the disk: earlier ones are dead, as after a crash. */
  get life(): number {
    return this.#life;
  }

  get failure(): string | undefined {
    return this.#failWrites;
  }

  /** Ends all stores on this disk: whatever they had not been told is written is lost. */
  crash(): void {
    this.#life++;
  }

  /** Lets every later write fail with this error code. */
  failWrites(code: string | undefined): void {
    this.#failWrites = code;
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
    return this.#answer(() => this.#disk.rows.get(hexOf(key))?.value);
  }

  write(puts: readonly Row[], deletes: readonly Uint8Array[]): Promise<void> {
    return this.#answer(() => {
      if (this.#disk.failure !== undefined) throw systemError(this.#disk.failure, "memory");
      for (const key of deletes) this.#disk.rows.delete(hexOf(key));
      for (const { key, value } of puts)
        this.#disk.rows.set(hexOf(key), { key: Uint8Array.from(key), value: Uint8Array.from(value) });
    });
  }

  scan(from: Uint8Array, to: Uint8Array): RowScan {
    const found = this.#range(from, to).map((hex) => this.#disk.rows.get(hex) as Row);
    return {
      next: () => this.#answer(() => found.splice(0, SCAN_COUNT_MAX)),
      close: () => Promise.resolve(),
    };
  }

  keys(from: Uint8Array, to: Uint8Array, countMax: number): Promise<Uint8Array[]> {
    return this.#answer(() =>
      this.#range(from, to)
        .slice(0, countMax)
        .map((hex) => (this.#disk.rows.get(hex) as Row).key),
    );
  }

  close(): Promise<void> {
    this.#open = false;
    return Promise.resolve();
  }

  #range(from: Uint8Array, to: Uint8Array): string[] {
    const low = hexOf(from);
    const high = hexOf(to);
    return [...this.#disk.rows.keys()].filter((hex) => hex >= low && hex < high).sort();
  }

  #answer<T>(act: () => T): Promise<T> {
    if (!this.#open || this.#life !== this.#disk.life) return Promise.reject(systemError("EBADF", "memory"));
    try {
      return Promise.resolve(act());
    } catch (error) {
      return Promise.reject(error);
    }
  }
}

function hexOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString("hex");
}
