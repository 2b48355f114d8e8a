import type { Rng } from "../../src/base/index.js";
import type { Row } from "../../src/storage/index.js";
import type { OrderedRows, RowScan } from "../../src/storage/ordered-rows.js";
import type { SimDisk } from "./sim-disk.js";

/** The key-value store on a machine's disk: outlives processes. Every write is atomic; one under way when its process dies may or may not be there. */
export class RowsOnDisk {
  /** Key as latin1, which sorts as its bytes do. */
  readonly rows = new Map<string, Row>();
  /** Sorted keys of `rows`; undefined when they must be sorted again. */
  #sorted: string[] | undefined;
  readonly underWay = new Set<() => void>();

  range(from: Uint8Array, to: Uint8Array): Row[] {
    this.#sorted ??= [...this.rows.keys()].sort();
    const low = nameOf(from);
    const high = nameOf(to);
    return this.#sorted.filter((key) => key >= low && key < high).map((key) => this.rows.get(key) as Row);
  }

  write(puts: readonly Row[], deletes: readonly Uint8Array[]): void {
    for (const key of deletes) if (this.rows.delete(nameOf(key))) this.#sorted = undefined;
    for (const { key, value } of puts) {
      const name = nameOf(key);
      if (!this.rows.has(name)) this.#sorted = undefined;
      this.rows.set(name, { key: new Uint8Array(key), value: new Uint8Array(value) });
    }
  }

  crash(rng: Rng): void {
    for (const write of this.underWay) if (rng.fraction() < 0.5) write();
    this.underWay.clear();
  }
}

const SCAN_ROWS_MAX = 16;

/** The rows as one process sees them. */
export class SimRows implements OrderedRows {
  readonly #disk: SimDisk;
  readonly #store: RowsOnDisk;

  constructor(disk: SimDisk, store: RowsOnDisk) {
    this.#disk = disk;
    this.#store = store;
  }

  get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.#store.rows.get(nameOf(key))?.value);
  }

  async write(puts: readonly Row[], deletes: readonly Uint8Array[]): Promise<void> {
    const apply = (): void => {
      this.#store.write(puts, deletes);
    };
    this.#store.underWay.add(apply);
    await this.#disk.sync(() => {
      this.#store.underWay.delete(apply);
      apply();
      return Promise.resolve();
    });
  }

  scan(from: Uint8Array, to: Uint8Array): RowScan {
    const rows = this.#store.range(from, to);
    return {
      next: async () => {
        const chunk = rows.splice(0, SCAN_ROWS_MAX);
        if (chunk.length > 0) await this.#disk.pause(0.05);
        return chunk;
      },
      close: () => Promise.resolve(),
    };
  }

  setAside(): Promise<string> {
    return Promise.reject(new Error("nothing is damaged here"));
  }

  keys(from: Uint8Array, to: Uint8Array, countMax: number): Promise<Uint8Array[]> {
    return Promise.resolve(
      this.#store
        .range(from, to)
        .slice(0, countMax)
        .map((row) => row.key),
    );
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function nameOf(key: Uint8Array): string {
  const bytes = Buffer.isBuffer(key) ? key : Buffer.from(key.buffer, key.byteOffset, key.length);
  return bytes.toString("latin1");
}
