import { CorruptionError, DataDirectoryError, REPLACE_NODE_ADVICE } from "../errors.js";
import type { FileHandle, FileSystem } from "../file-system.js";
import { type HeaderState, decodeSegmentHeader, type LogOwner, type SegmentHeader } from "./segment-header.js";
import { type RetiredSegment, segmentName } from "./segment-supply.js";
import { SEGMENT_HEADER_BYTES } from "./layout.js";

const NAME = /^(\d{12,16})\.seg$/;

/** A segment file with a whole header. */
export interface SegmentFile {
  readonly id: number;
  readonly path: string;
  readonly handle: FileHandle;
  readonly bytes: number;
  readonly header: SegmentHeader;
}

export interface SegmentFiles {
  /** Ascending ids without holes. */
  readonly segments: SegmentFile[];
  /** Files to use again: prepared and never used, or about to be prepared when the process ended. */
  readonly retired: RetiredSegment[];
}

interface OpenedFile {
  readonly id: number;
  readonly name: string;
  readonly path: string;
  readonly handle: FileHandle;
  readonly bytes: number;
  readonly header: HeaderState;
}

/** Opens all segment files of a directory and tells those in use from the others. Throws on holes, foreign or newer headers. */
export async function openSegmentFiles(
  fileSystem: FileSystem,
  directory: string,
  owner: LogOwner,
  segmentBytes: number,
  newestKnownId: number,
): Promise<SegmentFiles> {
  const segments: SegmentFile[] = [];
  const others: OpenedFile[] = [];
  for (const name of await fileSystem.list(directory)) {
    const id = Number(NAME.exec(name)?.[1] ?? 0);
    if (id === 0) continue;
    const file = await openFile(fileSystem, directory, name, id);
    if (file.header.state === "newer") refuseNewer(file, file.header.leastReader);
    if (file.header.state === "valid") segments.push(checked(file, file.header.header, owner));
    else others.push(file);
  }
  segments.sort((a, b) => a.id - b.id);
  refuseHoles(directory, segments, others, newestKnownId);
  const retired: RetiredSegment[] = [];
  for (const file of others) {
    // A file of another size is half allocated, or segments had another size before.
    retired.push({ name: file.name, handle: file.handle, reusable: file.bytes === segmentBytes });
  }
  return { segments, retired };
}

async function openFile(fileSystem: FileSystem, directory: string, name: string, id: number): Promise<OpenedFile> {
  const path = `${directory}/${name}`;
  const handle = await fileSystem.open(path, "read-write");
  const bytes = await handle.size();
  const header = decodeSegmentHeader(await handle.read(SEGMENT_HEADER_BYTES, 0));
  return { id, name, path, handle, bytes, header };
}

function checked(file: OpenedFile, header: SegmentHeader, owner: LogOwner): SegmentFile {
  const found = header.owner;
  if (found.clusterId !== owner.clusterId || found.nodeId !== owner.nodeId || found.shard !== owner.shard) {
    throw new DataDirectoryError(
      file.path,
      `belongs to cluster ${found.clusterId}, node ${found.nodeId}, shard ${String(found.shard)}, not to cluster ` +
        `${owner.clusterId}, node ${owner.nodeId}, shard ${String(owner.shard)}`,
      "Start this node with its own data folder",
    );
  }
  if (header.segmentId !== file.id) {
    throw new CorruptionError(file.path, 24, `holds segment ${String(header.segmentId)}`, REPLACE_NODE_ADVICE);
  }
  const { id, path, handle, bytes } = file;
  return { id, path, handle, bytes, header };
}

function refuseNewer(file: OpenedFile, leastReader: number): never {
  throw new DataDirectoryError(
    file.path,
    `written by a newer version (log format ${String(leastReader)})`,
    "Start the newer version again: a data folder is never downgraded",
  );
}

/**
 * Segments are used, and given back, in the order of their ids, so those in use have no hole. A blank or damaged file below
 * them is one being prepared again; above them, one that no frame was acknowledged from, unless the superblock knows better.
 */
function refuseHoles(directory: string, segments: SegmentFile[], others: OpenedFile[], newestKnownId: number): void {
  const newest = segments.at(-1)?.id ?? 0;
  const oldest = segments[0]?.id ?? 1;
  for (let i = 0; i < Math.max(newest, newestKnownId) - oldest + 1; i++) {
    const id = oldest + i;
    if (segments[i]?.id === id) continue;
    const file = others.find((other) => other.id === id);
    const problem = file === undefined ? "segment file is missing" : "both header pages are damaged";
    throw new CorruptionError(
      `${directory}/${segmentName(id)}`,
      file === undefined ? -1 : 0,
      problem,
      REPLACE_NODE_ADVICE,
    );
  }
}
