import type { SnapshotMeta } from "../raft/index.js";
import type { GroupId } from "./shard-log.js";

export interface Row {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** One atomic change of a group's checkpoint. */
export interface CheckpointBatch {
  readonly snapshot: SnapshotMeta;
  readonly puts: readonly Row[];
  readonly deletes: readonly Uint8Array[];
}

/** What a set of rows comes to, in whatever order and by whomever it was stored: sets that agree in both hold the same rows. */
export interface RowSummary {
  readonly rowCount: number;
  /** Of all keys and values, two lanes of 32 bits. */
  readonly hash: { readonly low: number; readonly high: number };
}

export interface CheckpointRoot extends RowSummary {
  readonly snapshot: SnapshotMeta;
}

/**
 * Checkpoints of all groups of a shard in one `level` database. Each row carries a CRC32C; each group has a root row with the
 * applied index, the row count and an order-independent hash over all rows, kept incrementally, so that a lost or stale row
 * is detected when the group is opened (storage.md section 4).
 */
export interface CheckpointStore {
  /** The group's root after verifying row count and set hash; undefined when it has no checkpoint. Throws CorruptionError when the rows do not match. */
  open(group: GroupId): Promise<CheckpointRoot | undefined>;
  /** All rows of the group in key order, in chunks, from one consistent view. */
  rows(group: GroupId): AsyncIterable<Row[]>;
  get(group: GroupId, key: Uint8Array): Promise<Uint8Array | undefined>;
  /** Writes one atomic, synced batch. Rows that a delete names may be missing. */
  write(group: GroupId, batch: CheckpointBatch): Promise<void>;
  /** Begins to receive a whole new state beside the current one; nothing is visible before `commit`. */
  stage(group: GroupId): Promise<StagedCheckpoint>;
  /** Removes whatever there is of the group, staged rows too. */
  clear(group: GroupId): Promise<void>;
  /**
   * For a damaged group: copies all rows that are stored for it, as they are, to a place of their own, durably, and only then
   * clears it. Returns the name of the place.
   */
  quarantine(group: GroupId): Promise<string>;
  close(): Promise<void>;
}

export interface StagedCheckpoint {
  /** Of the rows that were added so far. */
  summary(): RowSummary;
  add(rows: readonly Row[]): Promise<void>;
  /** Atomically replaces the group's checkpoint by the staged rows. */
  commit(snapshot: SnapshotMeta): Promise<void>;
  abandon(): Promise<void>;
}
