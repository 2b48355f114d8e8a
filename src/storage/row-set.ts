import type { RowSummary } from "./checkpoint-store.js";
import { addRow, fingerprint, type Lanes } from "./row-hash.js";
import { RowSumTable } from "./row-sum-table.js";

/** A set of rows of one generation with its hash, kept as rows come and go. */
export class RowSet {
  readonly #sums = new RowSumTable();
  readonly #hash: Lanes = { low: 0, high: 0 };
  readonly #key: Lanes = { low: 0, high: 0 };

  get count(): number {
    return this.#sums.count;
  }

  get hash(): Readonly<Lanes> {
    return { ...this.#hash };
  }

  get summary(): RowSummary {
    return { rowCount: this.count, hash: this.hash };
  }

  put(key: Uint8Array, sum: number): void {
    this.delete(key);
    addRow(this.#hash, this.#key, sum, 1);
    this.#sums.set(this.#key, sum);
  }

  /** Leaves the key's fingerprint in #key. */
  delete(key: Uint8Array): void {
    fingerprint(key, this.#key);
    const old = this.#sums.get(this.#key);
    if (old === undefined) return;
    addRow(this.#hash, this.#key, old, -1);
    this.#sums.delete(this.#key);
  }
}
