import { crc32c, type Timers } from "../../../src/base/index.js";
import type { Entry, Index, SnapshotMeta, Term } from "../../../src/raft/types.js";
import {
  type FileSystem,
  type GroupId,
  MemoryFileSystem,
  openShardLog,
  type OpenedShardLog,
  type SegmentedShardLog,
  type ShardLogOptions,
} from "../../../src/storage/index.js";

export const DIRECTORY = "/data/wal";
export const SEGMENT_BYTES = 64 * 1024;
export const INCARNATION = "0123456789abcdef";
export const OTHER_INCARNATION = "fedcba9876543210";

export const START: SnapshotMeta = {
  index: 0,
  term: 0,
  configuration: { voters: [1, 2, 3], outgoing: [], learners: [] },
  configurationIndex: 0,
};

export function snapshotAt(index: Index, term: Term): SnapshotMeta {
  return { ...START, index, term };
}

export function segmentPath(id: number): string {
  return `${DIRECTORY}/${String(id).padStart(12, "0")}.seg`;
}

/** `count` entries from `first`, each of `bytes` bytes that follow from index and term. */
export function entriesFrom(first: Index, count: number, term: Term, bytes = 100): Entry[] {
  return Array.from({ length: count }, (_, i) => entry(first + i, term, bytes));
}

export function entry(index: Index, term: Term, bytes = 100): Entry {
  return { index, term, kind: 0, data: Buffer.alloc(bytes, (index * 7 + term * 31) % 251) };
}

/** Entries as short texts: comparing buffers byte by byte is slow, and unreadable when it fails. */
export function brief(entries: readonly Entry[]): string[] {
  return entries.map(
    ({ index, term, kind, data }) =>
      `${String(index)}/${String(term)}/${String(kind)} ${String(data.length)} ${crc32c(data).toString(16)}`,
  );
}

export class Fixture {
  readonly errors: Error[] = [];
  readonly spaceLow: boolean[] = [];
  fileSystem: FileSystem;

  constructor(fileSystem: FileSystem = new MemoryFileSystem()) {
    this.fileSystem = fileSystem;
  }

  open(more: Partial<ShardLogOptions> = {}): Promise<OpenedShardLog> {
    return openShardLog({
      directory: DIRECTORY,
      clusterId: "cluster",
      nodeId: "node",
      shard: 0,
      fileSystem: this.fileSystem,
      segmentBytes: SEGMENT_BYTES,
      onFatal: (error) => {
        this.errors.push(error);
      },
      onSpaceLow: (low) => {
        this.spaceLow.push(low);
      },
      ...more,
    });
  }

  /** A log with group 1. */
  async openWithGroup(more: Partial<ShardLogOptions> = {}): Promise<SegmentedShardLog> {
    const { log } = await this.open(more);
    await log.createGroup(1, INCARNATION, START);
    return log;
  }
}

/** Resolves when the entries are durable. */
export function append(
  log: SegmentedShardLog,
  group: GroupId,
  entries: readonly Entry[],
  truncateFrom?: Index,
): Promise<void> {
  const last = entries.at(-1);
  const hard = last && { term: last.term, vote: 1, commit: 0 };
  return new Promise((resolve) => {
    log.submit({ group, hard, truncateFrom, entries, mustSync: true }, resolve);
  });
}

/** Resolves when everything submitted before is durable. */
export function flushed(log: SegmentedShardLog, group: GroupId): Promise<void> {
  return append(log, group, []);
}

/** Timers under the test's control. */
export class ManualTimers implements Pick<Timers, "soon" | "after"> {
  readonly waiting: { readonly delayMs: number; readonly callback: () => void }[] = [];

  soon(callback: () => void): void {
    setImmediate(callback);
  }

  after(delayMs: number, callback: () => void): { cancel(): void } {
    const timer = { delayMs, callback };
    this.waiting.push(timer);
    return {
      cancel: () => {
        const at = this.waiting.indexOf(timer);
        if (at >= 0) this.waiting.splice(at, 1);
      },
    };
  }

  fire(): void {
    for (const { callback } of this.waiting.splice(0)) callback();
  }
}

/** Lets everything that only waits for the event loop happen. */
export async function settled(turns = 50): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
}
