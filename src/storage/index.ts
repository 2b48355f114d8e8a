/**
 * What survives a crash: the shared segmented write-ahead log of a shard, and the checkpoints of its groups in `level`.
 * Imports base, raft (types) and Node's file system behind one seam. Promises: what was reported durable is on disk; damage
 * is noticed, never served; a write or sync error stops the process.
 */
export type { CheckpointView, ViewableCheckpointStore } from "./checkpoint-engine.js";
export type {
  CheckpointBatch,
  CheckpointRoot,
  CheckpointStore,
  Row,
  RowSummary,
  StagedCheckpoint,
} from "./checkpoint-store.js";
export type { ProcessTable } from "./directory-lock.js";
export { CorruptionError, DataDirectoryError } from "./errors.js";
export { FaultyFileSystem, type Fault, type FileCall, type FileOperation } from "./faulty-file-system.js";
export type { FileHandle, FileSystem } from "./file-system.js";
export { type DataDirectory, type DataDirectoryOptions, type NodeIdentity, openDataDirectory } from "./identity.js";
export { type CheckpointStoreOptions, openCheckpointStore } from "./level-checkpoint-store.js";
export { MemoryCheckpointDisk, openMemoryCheckpointStore } from "./memory-checkpoint-store.js";
export { type CrashMode, MemoryFileSystem } from "./memory-file-system.js";
export { RealFileSystem } from "./real-file-system.js";
export { replaceFile } from "./replace-file.js";
export type { FlushObserver, GroupId, LogOrder, RecoveredGroup, ShardLog, ShardLogStats } from "./shard-log.js";
export { type OpenedShardLog, openShardLog, type ShardLogOptions } from "./wal/open-shard-log.js";
export { restoredAfter } from "./wal/restored.js";
export type { SegmentedLogStats, SegmentedShardLog } from "./wal/segmented-log.js";
