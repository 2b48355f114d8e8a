import { randomBytes } from "node:crypto";
import { assert, type Clock, type Timers } from "../../base/index.js";
import { CorruptionError, REPLACE_NODE_ADVICE } from "../errors.js";
import type { FileSystem } from "../file-system.js";
import { SEGMENT_BYTES_DEFAULT, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN, SPARES_DEFAULT } from "../limits.js";
import type { FlushObserver, RecoveredGroup } from "../shard-log.js";
import { Superblock, superblockDamaged } from "../superblock.js";
import { EntryReader } from "./entry-reader.js";
import { verifyFrame } from "./frame.js";
import { readU64, WAL_FORMAT, writeU64 } from "./layout.js";
import { LogWriter } from "./log-writer.js";
import { recordsOf, type RecoveredLog, recoverLog } from "./recovery.js";
import { type Segment, SegmentList } from "./segment.js";
import { openSegmentFiles, type SegmentFile } from "./segment-files.js";
import { type LogOwner, seedOf } from "./segment-header.js";
import { type RetiredSegment, segmentName, SegmentSupply } from "./segment-supply.js";
import { SegmentedLog, type SegmentedShardLog } from "./segmented-log.js";

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

/** The newest durable frame and segment that the superblock knows of. */
interface DurableMark {
  readonly sequence: number;
  readonly segmentId: number;
}

/**
 * Opens the log of a shard, recovering what earlier processes left. When it resolves, everything it reports is durable.
 * Throws CorruptionError when durable data is damaged, DataDirectoryError when the folder is another log's or too new.
 */
export async function openShardLog(options: ShardLogOptions): Promise<OpenedShardLog> {
  const { directory, fileSystem } = options;
  const segmentBytes = options.segmentBytes ?? SEGMENT_BYTES_DEFAULT;
  assert(
    segmentBytes % 4096 === 0 && segmentBytes >= SEGMENT_BYTES_MIN && segmentBytes <= SEGMENT_BYTES_MAX,
    "segment size",
  );
  await makeDirectory(fileSystem, directory);
  const superblock = new Superblock(fileSystem, directory, WAL_FORMAT);
  const mark = await readMark(superblock);
  const owner = { clusterId: options.clusterId, nodeId: options.nodeId, shard: options.shard };
  const files = await openSegmentFiles(fileSystem, directory, owner, segmentBytes, mark?.segmentId ?? 0);
  if (mark === undefined) {
    if (files.segments.length > 0) throw superblockDamaged(superblock.path(0), REPLACE_NODE_ADVICE);
    await superblock.create(encodeMark({ sequence: 0, segmentId: 0 }));
  }
  const recovered = await recoverLog(files.segments, mark?.sequence ?? 0, directory);
  if (recovered.sequence < (mark?.sequence ?? 0)) {
    const problem = `the log ends at frame ${String(recovered.sequence)}, but frame ${String(mark?.sequence)} was durable`;
    throw new CorruptionError(directory, -1, problem, REPLACE_NODE_ADVICE);
  }
  const retired = [...files.retired];
  for (const file of recovered.unfinished) {
    retired.push({ name: segmentName(file.id), handle: file.handle, reusable: file.bytes === segmentBytes });
  }
  return assemble(options, owner, segmentBytes, superblock, recovered, retired);
}

async function makeDirectory(fileSystem: FileSystem, directory: string): Promise<void> {
  if (await fileSystem.exists(directory)) return;
  await fileSystem.makeDirectory(directory);
  const slash = directory.lastIndexOf("/");
  if (slash > 0) await fileSystem.syncDirectory(directory.slice(0, slash));
}

async function readMark(superblock: Superblock): Promise<DurableMark | undefined> {
  const content = await superblock.read();
  if (content.state !== "valid") return undefined;
  return { sequence: readU64(content.payload, 0), segmentId: readU64(content.payload, 8) };
}

function encodeMark(mark: DurableMark): Buffer {
  const payload = Buffer.alloc(16);
  writeU64(payload, 0, mark.sequence);
  writeU64(payload, 8, mark.segmentId);
  return payload;
}

/** Puts the parts together, writes again what is not proven durable, and starts the background work. */
async function assemble(
  options: ShardLogOptions,
  owner: LogOwner,
  segmentBytes: number,
  superblock: Superblock,
  recovered: RecoveredLog,
  retired: readonly RetiredSegment[],
): Promise<OpenedShardLog> {
  const { directory, fileSystem } = options;
  const timers = options.timers ?? REAL_TIMERS;
  let fatal: ((error: Error) => void) | undefined;
  const nextId = (recovered.segments.at(-1)?.id ?? 0) + 1;
  const supply = new SegmentSupply(
    {
      fileSystem,
      directory,
      segmentBytes,
      spares: options.spares ?? SPARES_DEFAULT,
      timers,
      onFatal: (error) => fatal?.(error),
      onSpaceLow: (low) => options.onSpaceLow?.(low),
    },
    nextId,
    retired,
  );
  const segments = new SegmentList((segment) => {
    supply.retire({
      name: segmentName(segment.id),
      handle: segment.handle,
      reusable: isReusable(segment, segmentBytes),
    });
  });
  recovered.segments.forEach((file, i) => {
    segments.add(segmentOf(file, recovered.ends[i] ?? 0));
  });
  const marker = new DurableMarker(superblock, (error) => fatal?.(error));
  const writer = new LogWriter(
    {
      owner,
      directory,
      segmentBytes,
      supply,
      segments,
      timers,
      clock: options.clock ?? { monotonicMs: () => performance.now() },
      randomU32: options.randomU32 ?? (() => randomBytes(4).readUInt32LE(0)),
      observer: options.observer,
      onFatal: options.onFatal,
      onRolled: () => {
        marker.mark(writer);
      },
      onTrimmed: () => {
        retireUnneeded(writer, segments);
      },
    },
    recovered.replay.groups,
    {
      segment: segments.all().at(-1),
      position: recovered.position,
      sequence: recovered.sequence,
      chain: recovered.chain,
    },
  );
  fatal = (error) => {
    writer.fail(error);
  };
  if (recovered.unproven.length > 0 || recovered.segments.length === 0) await rewrite(writer, recovered);
  await marker.settled();
  if (writer.failure !== undefined) throw writer.failure;
  const groups = recovered.replay.recovered();
  retireUnneeded(writer, segments);
  supply.start();
  const parts = {
    writer,
    segments,
    supply,
    reader: new EntryReader(segments),
    markDurable: () => marker.markNow(writer),
  };
  return { log: new SegmentedLog(parts), groups };
}

async function rewrite(writer: LogWriter, recovered: RecoveredLog): Promise<void> {
  const written = await writer.begin(recordsOf(recovered.unproven));
  const segment = writer.segment as Segment;
  const bytes = written.bytes.subarray(0, written.bytes.readUInt32LE(8));
  const header = verifyFrame(bytes, segment.seed);
  assert(typeof header !== "string", "a frame just built is whole");
  recovered.replay.apply({ header, bytes, segmentId: written.segmentId, offset: written.offset });
}

function segmentOf(file: SegmentFile, end: number): Segment {
  const { id, path, handle, bytes, header } = file;
  return { id, path, handle, seed: seedOf(header), capacity: bytes, end, readers: 0, retired: false };
}

function isReusable(segment: Segment, segmentBytes: number): boolean {
  return segment.capacity === segmentBytes && segment.end <= segmentBytes;
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

/** Writes the superblock, one write at a time; marks that come meanwhile are joined. */
class DurableMarker {
  readonly #superblock: Superblock;
  readonly #onError: (error: Error) => void;
  #writing: Promise<void> | undefined;
  #again = false;

  constructor(superblock: Superblock, onError: (error: Error) => void) {
    this.#superblock = superblock;
    this.#onError = onError;
  }

  /** In the background. */
  mark(writer: LogWriter): void {
    if (this.#writing !== undefined) {
      this.#again = true;
      return;
    }
    this.#writing = this.#run(writer).catch((error: unknown) => {
      this.#onError(error as Error);
    });
  }

  async settled(): Promise<void> {
    await this.#writing;
  }

  async markNow(writer: LogWriter): Promise<void> {
    await this.#writing;
    await this.#superblock.write(markOf(writer));
  }

  async #run(writer: LogWriter): Promise<void> {
    do {
      this.#again = false;
      await this.#superblock.write(markOf(writer));
    } while (this.#again);
    this.#writing = undefined;
  }
}

function markOf(writer: LogWriter): Buffer {
  return encodeMark({ sequence: writer.sequence, segmentId: writer.segment?.id ?? 0 });
}
