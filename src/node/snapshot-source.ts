import { ByteWriter } from "../base/index.js";
import type { CheckpointRoot, CheckpointView, Row } from "../storage/index.js";

export interface NumberedRows {
  readonly number: number;
  /** As `readRows` reads them. */
  readonly rows: Uint8Array;
}

const ROW_HEADER_BYTES = 8;

/**
 * The rows of a checkpoint as numbered parts, in key order: who has the same rows makes the same parts. Parts that their
 * receiver may lack are kept, so that a transfer can go on after an interruption although the view is read only once.
 */
export class SnapshotSource {
  readonly root: CheckpointRoot;
  readonly partBytes: number;
  readonly #rows: CheckpointView["rows"];
  readonly #closed: () => void;
  readonly #out: ByteWriter;
  #chunk: readonly Row[] = [];
  #chunkAt = 0;
  /** The newest parts made: those that are not known to be stored. */
  readonly #kept: Uint8Array[] = [];
  #made = 0;
  #next = 0;

  /** `closed` is called once, by `close`. */
  constructor(view: CheckpointView, partBytes: number, closed: () => void) {
    this.root = view.root;
    this.partBytes = partBytes;
    this.#rows = view.rows;
    this.#closed = closed;
    // Of its final size at once: growing to it would copy each part twice.
    this.#out = new ByteWriter(partBytes);
  }

  /** Parts read so far; all of them once `next` said that there are no more. */
  get made(): number {
    return this.#made;
  }

  /** The receiver has the first `count` parts. */
  stored(count: number): void {
    while (this.#kept.length > 0 && this.#made - this.#kept.length < count) this.#kept.shift();
  }

  /** Goes on with part `count`, since the receiver has those before it. False when it is not kept any more. */
  seek(count: number): boolean {
    if (count < this.#made - this.#kept.length) return false;
    this.stored(count);
    this.#next = count;
    return true;
  }

  /** Undefined when there are no more. */
  async next(): Promise<NumberedRows | undefined> {
    // Another sender may have got further than this one has read.
    while (this.#made <= this.#next) {
      const rows = await this.#make();
      if (rows === undefined) return undefined;
      this.#made++;
      if (this.#made > this.#next) this.#kept.push(rows);
    }
    const number = this.#next++;
    const rows = this.#kept[number - (this.#made - this.#kept.length)];
    return rows && { number, rows };
  }

  async #make(): Promise<Uint8Array | undefined> {
    for (;;) {
      const row = this.#chunk[this.#chunkAt];
      if (row === undefined) {
        const found = await this.#rows.next();
        if (found.done === true) break;
        this.#chunk = found.value;
        this.#chunkAt = 0;
        continue;
      }
      const bytes = ROW_HEADER_BYTES + row.key.length + row.value.length;
      if (this.#out.length > 0 && this.#out.length + bytes > this.partBytes) break;
      this.#chunkAt++;
      this.#out.bytes32(row.key);
      this.#out.bytes32(row.value);
    }
    return this.#out.length === 0 ? undefined : this.#out.take();
  }

  async close(): Promise<void> {
    this.#closed();
    await this.#rows.return?.();
  }
}
