import type { Entry, HardState, Index, RestoredState, SnapshotMeta } from "../raft/index.js";

export type GroupId = number;

/** What one group wants on disk next; orders of one group become durable in the order of their submission. */
export interface LogOrder {
  readonly group: GroupId;
  readonly hard: HardState | undefined;
  readonly truncateFrom: Index | undefined;
  readonly entries: readonly Entry[];
  /** False: nothing waits for it; it is written with the next flush that somebody needs. */
  readonly mustSync: boolean;
}

/** A group as recovery found it. */
export interface RecoveredGroup {
  readonly group: GroupId;
  /** 16 hex digits, random at creation: entries of an earlier group of the same number are never taken for this one's. */
  readonly incarnation: string;
  readonly state: RestoredState;
}

export interface ShardLogStats {
  readonly flushes: number;
  readonly bytesWritten: number;
  readonly payloadBytes: number;
  readonly segments: number;
  readonly pendingBytes: number;
}

/** Called after every flush, for metrics. */
export interface FlushObserver {
  flushed(bytes: number, orders: number, durationMs: number): void;
}

/**
 * The one log of a shard, shared by all its groups: whatever is submitted while a flush is in flight rides on the next one
 * (group commit). A write or sync error is reported once through `onFatal` and nothing is ever acknowledged again.
 */
export interface ShardLog {
  /** Registers a group; durable when the promise resolves. */
  createGroup(group: GroupId, incarnation: string, start: SnapshotMeta): Promise<void>;
  /** True from `createGroup` or recovery until `removeGroup`. */
  holds(group: GroupId): boolean;
  removeGroup(group: GroupId): Promise<void>;
  /** Queues an order. `onDurable` is called once, after fdatasync returned, in order of submission. */
  submit(order: LogOrder, onDurable: () => void): void;
  /** Reads entries [low, high), at most `bytesMax` payload bytes but at least one. Resolves to [] when `low` is no longer in the log. */
  read(group: GroupId, low: Index, high: Index, bytesMax: number): Promise<Entry[]>;
  /** The group's checkpoint at `snapshot` is durable; entries up to `keepFrom - 1` (<= snapshot.index) may go once their segments hold nothing else. */
  checkpointed(group: GroupId, snapshot: SnapshotMeta, keepFrom: Index): void;
  /** Replaces the whole log of the group by an installed snapshot; durable when the promise resolves. */
  installSnapshot(group: GroupId, snapshot: SnapshotMeta, hard: HardState): Promise<void>;
  /** First index that `read` can return. */
  firstIndex(group: GroupId): Index;
  /**
   * Bytes of the log that the group's entries after `index` take up, with their share of frame headers and padding: what a
   * restart reads and replays for their sake.
   */
  bytesAfter(group: GroupId, index: Index): number;
  stats(): ShardLogStats;
  /** Flushes what is queued, writes the clean-shutdown marker, closes. */
  close(): Promise<void>;
}
