import type { Row } from "./checkpoint-store.js";
import type { GroupId } from "./shard-log.js";

/** The least that checkpoints need of an ordered key-value store; `level` and memory provide it. Keys ascend bytewise. */
export interface OrderedRows {
  get(key: Uint8Array): Promise<Uint8Array | undefined>;
  /** Deletes, then puts: atomic and synced. The puts may be taken over several event-loop turns. */
  write(puts: Iterable<Row>, deletes: readonly Uint8Array[]): Promise<void>;
  /** Rows with `from` <= key < `to`, as of this call. */
  scan(from: Uint8Array, to: Uint8Array): RowScan;
  /** Keys only, as of this call; at most `countMax`. */
  keys(from: Uint8Array, to: Uint8Array, countMax: number): Promise<Uint8Array[]>;
  /** Copies rows with `from` <= key < `to` to a new place outside of the store; durable when it resolves to the name of the place. */
  setAside(group: GroupId, from: Uint8Array, to: Uint8Array): Promise<string>;
  close(): Promise<void>;
}

export interface RowScan {
  /** The next rows, about a MiB; empty at the end. */
  next(): Promise<Row[]>;
  close(): Promise<void>;
}
