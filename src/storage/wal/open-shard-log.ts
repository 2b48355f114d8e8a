import { randomBytes } from "node:crypto";
import { assert, type Clock, type Timers } from "../../base/index.js";
import { makeDurableDirectory } from "../durable-directory.js";
import { REPLACE_NODE_ADVICE } from "../errors.js";
import type { FileHandle, FileSystem } from "../file-system.js";
import { PAGE_BYTES, SEGMENT_BYTES_DEFAULT, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN, SPARES_DEFAULT } from "../limits.js";
import type { FlushObserver, RecoveredGroup } from "../shard-log.js";
import { Superblock, superblockDamaged } from "../superblock.js";
import { DurableMarker, encodeMark, readMark } from "./durable-mark.js";
import { EntryReader } from "./entry-reader.js";
import { verifyFrame } from "./frame.js";
import { WAL_FORMAT } from "./layout.js";
import { LogWriter } from "./log-writer.js";
import { recordsOf, type RecoveredLog, recoverLog } from "./recovery.js";
import { type Segment, SegmentList } from "./segment.js";
import { openSegmentFiles, type SegmentFile } from "./segment-files.js";
import { type LogOwner, seedOf } from "./segment-header.js";
import { type RetiredSegment, segmentName, SegmentSupply } from "./segment-supply.js";
import { type LogParts, SegmentedLog, type SegmentedShardLog } from "./segmented-log.js";

export interface ShardLogOptions {
  /** The folder of this log alone; made when missing. */
  readonly directory: string;
  readonly clusterId: string;
  readonly nodeId: string;
  readonly shard: number;
  readonly fileSystem: FileSystem;
  /** Size of a segment, a multiple of 4 KiB from 32 KiB to 1 GiB; default 64 MiB. Smaller ones give space back sooner and roll more often. */
  readonly segmentBytes?: number;
  /** Prepared segments kept ready; default 2. 0 makes every roll-over wait for its allocation. */
  readonly spares?: number;
  readonly observer?: FlushObserver;
  /** Called once, on the first error of a write or sync. Nothing is acknowledged afterwards; the process should end. */
  readonly onFatal: (error: Error) => void;
  /** The disk has no room for a spare segment (true), or has again (false). */
  readonly onSpaceLow?: (low: boolean) => void;
  readonly timers?: Pick<Timers, "soon" | "after">;
  readonly clock?: Pick<Clock, "monotonicMs">;
  /** Salts of segments; from the operating system by default. */
  readonly randomU32?: () => number;
}

export interface OpenedShardLog {
  readonly log: SegmentedShardLog;
  /** True when there was no log: a node that has run before and finds this has lost what it promised. */
  readonly created: boolean;
  readonly groups: RecoveredGroup[];
}

const REAL_TIMERS: Pick<Timers, "soon" | "after"> = {
  soon: (callback) => setImmediate(callback),
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return {
      cancel: () => {
        clearTimeout(timer);
      },
    };
  },
};

/**
 * Opens the log of a shard, recovering what earlier processes left. When it resolves, everything it reports is durable.
 * Throws CorruptionError when durable data is damaged, DataDirectoryError when the folder is another log's or too new.
 */
export async function openShardLog(options: ShardLogOptions): Promise<OpenedShardLog> {
  const { directory, fileSystem } = options;
  const segmentBytes = options.segmentBytes ?? SEGMENT_BYTES_DEFAULT;
  const fits = segmentBytes >= SEGMENT_BYTES_MIN && segmentBytes <= SEGMENT_BYTES_MAX;
  assert(fits && segmentBytes % PAGE_BYTES === 0, "a segment is 32 KiB to 1 GiB of whole pages");
  await makeDurableDirectory(fileSystem, directory);
  const superblock = new Superblock(fileSystem, directory, WAL_FORMAT);
  const mark = await readMark(superblock);
  const owner = { clusterId: options.clusterId, nodeId: options.nodeId, shard: options.shard };
  const files = await openSegmentFiles(fileSystem, directory, owner, segmentBytes, mark?.segmentId ?? 0);
  try {
    if (mark === undefined) {
      // A crash during the very first start leaves a torn superblock, but no segment.
      if (files.segments.length > 0) throw superblockDamaged(superblock.path(0), REPLACE_NODE_ADVICE);
      await superblock.create(encodeMark({ sequence: 0, segmentId: 0 }));
    }
    const recovered = await recoverLog(files.segments, mark?.sequence ?? 0, directory);
    const retired = [
      ...files.retired,
      ...recovered.unfinished.map((file) => retire(file.id, file.handle, file.bytes === segmentBytes)),
    ];
    const parts = assemble(options, { owner, segmentBytes, superblock, recovered, retired });
    const groups = await settle(parts, recovered);
    return { log: new SegmentedLog(parts), groups, created: recovered.segments.length === 0 };
  } catch (error) {
    await closeAll([...files.segments, ...files.retired]);
    throw error;
  }
}

async function closeAll(files: readonly { readonly handle: FileHandle }[]): Promise<void> {
  await Promise.allSettled(files.map((file) => file.handle.close()));
}

interface Found {
  readonly owner: LogOwner;
  readonly segmentBytes: number;
  readonly superblock: Superblock;
  readonly recovered: RecoveredLog;
  readonly retired: readonly RetiredSegment[];
}

interface AssembledParts extends LogParts {
  readonly marker: DurableMarker;
}

/** Puts the parts together. Nothing runs yet. */
function assemble(options: ShardLogOptions, found: Found): AssembledParts {
  const { directory } = options;
  const { segmentBytes, recovered } = found;
  const timers = options.timers ?? REAL_TIMERS;
  const fail = (error: Error): void => {
    writer.fail(error);
  };
  const marker = new DurableMarker(found.superblock, fail);
  const mark = (): void => {
    marker.mark({ sequence: writer.sequence, segmentId: writer.segment?.id ?? 0 });
  };
  const supply = makeSupply(options, found, timers, fail);
  const segments = new SegmentList((segment) => {
    const reusable = segment.capacity === segmentBytes && segment.end <= segmentBytes;
    supply.retire(retire(segment.id, segment.handle, reusable));
  });
  recovered.segments.forEach((file, i) => {
    segments.add(segmentOf(file, recovered.ends[i] ?? 0));
  });
  const writer = new LogWriter(
    {
      owner: found.owner,
      directory,
      segmentBytes,
      supply,
      segments,
      timers,
      clock: options.clock ?? { monotonicMs: () => performance.now() },
      randomU32: options.randomU32 ?? (() => randomBytes(4).readUInt32LE(0)),
      observer: options.observer,
      onFatal: options.onFatal,
      onRolled: mark,
      onTrimmed: () => {
        retireUnneeded(writer, segments);
      },
    },
    recovered.replay.groups,
    { segment: segments.newest, position: recovered.position, sequence: recovered.sequence, chain: recovered.chain },
  );
  const markDurable = (): Promise<void> => {
    mark();
    return marker.settled();
  };
  return { writer, segments, supply, reader: new EntryReader(segments), marker, markDurable };
}

function makeSupply(
  options: ShardLogOptions,
  found: Found,
  timers: Pick<Timers, "soon" | "after">,
  onFatal: (error: Error) => void,
): SegmentSupply {
  const { directory, fileSystem } = options;
  return new SegmentSupply(
    {
      fileSystem,
      directory,
      segmentBytes: found.segmentBytes,
      spares: options.spares ?? SPARES_DEFAULT,
      timers,
      onFatal,
      onSpaceLow: (low) => options.onSpaceLow?.(low),
    },
    (found.recovered.segments.at(-1)?.id ?? 0) + 1,
    found.retired,
  );
}

/** Writes again what is not proven to be on disk, and then starts the work in the background. */
async function settle(parts: AssembledParts, recovered: RecoveredLog): Promise<RecoveredGroup[]> {
  const { writer, supply, segments, marker } = parts;
  if (recovered.unproven.length > 0 || recovered.segments.length === 0) await rewrite(writer, recovered);
  // With the mark on disk, a crash before the first flush finds everything proven: restarts alone never use up segments.
  await marker.settled();
  if (writer.failure !== undefined) throw writer.failure;
  const groups = recovered.replay.recovered();
  retireUnneeded(writer, segments);
  supply.start();
  return groups;
}

async function rewrite(writer: LogWriter, recovered: RecoveredLog): Promise<void> {
  const written = await writer.begin(recordsOf(recovered.unproven, recovered.replay.groups));
  assert(writer.segment !== undefined, "a segment was begun");
  const bytes = written.bytes.subarray(0, written.bytes.readUInt32LE(8));
  const header = verifyFrame(bytes, writer.segment.seed);
  assert(typeof header !== "string", "a frame just built is whole");
  recovered.replay.apply({ header, bytes, segmentId: written.segmentId, offset: written.offset });
}

function segmentOf(file: SegmentFile, end: number): Segment {
  const { id, path, handle, bytes, header } = file;
  return { id, path, handle, seed: seedOf(header), capacity: bytes, end, readers: 0, retired: false };
}

function retire(id: number, handle: FileHandle, reusable: boolean): RetiredSegment {
  return { name: segmentName(id), handle, reusable };
}

/** Gives back every segment at the old end that no group's entries lie in: newer ones carry all other state in their index. */
function retireUnneeded(writer: LogWriter, segments: SegmentList): void {
  const newest = writer.segment;
  if (newest === undefined) return;
  let needed = newest.id;
  for (const { table } of writer.groups.values()) {
    if (table.count === 0) continue;
    const segment = segments.find(table.segmentAt(table.first));
    if (segment !== undefined && segment.id < needed) needed = segment.id;
  }
  segments.retireBefore(needed);
}
