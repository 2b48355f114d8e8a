import type { ByteWriter } from "../base/index.js";

/**
 * Where apply puts results: only the leader wants them, and writes each straight into the frame that goes back to the
 * gateway which asked.
 */
export interface ReplySink {
  /** The writer for the result of the command at `ordinal` of the entry, or undefined when nobody waits for it. */
  begin(ordinal: number): ByteWriter | undefined;
  /** The result of `ordinal` is written whole. */
  end(ordinal: number): void;
}

export interface CheckpointRow {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** A part of a checkpoint: rows to write and keys to delete. */
export interface CheckpointSlice {
  readonly puts: readonly CheckpointRow[];
  readonly deletes: readonly Uint8Array[];
}

/**
 * An incremental checkpoint of the state as of `index`, built in slices while apply goes on: whatever is about to change
 * is written out first (copy on first write).
 */
export interface CheckpointCursor {
  readonly index: number;
  /** About `bytesMax` more bytes of rows; undefined when all is out. */
  next(bytesMax: number): CheckpointSlice | undefined;
  /** The rows are durable: they are the base of the next checkpoint. */
  committed(): void;
  /** They are not: everything in them is dirty again. */
  abandoned(): void;
}

export interface MachineStats {
  readonly queues: number;
  readonly messages: number;
  readonly claimedMessages: number;
  readonly claims: number;
  readonly sessions: number;
  readonly bodyBytes: number;
  /** Totals since this process started. */
  readonly posted: number;
  readonly claimedTotal: number;
  readonly deleted: number;
  readonly expired: number;
  readonly duplicatesAnswered: number;
}

/** The replicated queue machine: `apply` is a function of state and entry alone. Implemented by QueueMachine. */
export interface Machine {
  /** Takes the entry at `index`; its data is what EntryBuilder made. Throws AssertionError on malformed data: the log is corrupt. */
  apply(index: number, data: Uint8Array, replies: ReplySink | undefined): void;
  /** Entries without commands (a new leader's, a configuration's) only move the applied index. */
  skip(index: number): void;
  /** Answers an encoded Query into `out`. `nowMs` is the leader's clock; it never goes back behind the log's time. */
  query(request: Uint8Array, nowMs: number, out: ByteWriter): void;
  readonly appliedIndex: number;
  /** Log time: the timestamp of the last entry, milliseconds since 1970. */
  readonly timeMs: number;
  /** When something expires next; Infinity when nothing will. The leader proposes an entry without commands once its clock passes it. */
  readonly nextDeadlineMs: number;
  beginCheckpoint(): CheckpointCursor;
  stats(): MachineStats;
  /** The same on replicas that applied the same entries: 32-bit hash over the whole state, in a canonical order. Linear in the state; for tests and audits. */
  stateHash(): number;
}

/** Rebuilds a machine from checkpoint rows in key order. */
export interface MachineLoader {
  add(rows: readonly CheckpointRow[]): void;
  finish(appliedIndex: number): Machine;
}
