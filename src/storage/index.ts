/**
 * What survives a crash: the shared segmented write-ahead log of a shard, and the checkpoints of its groups in `level`.
 * Imports base, raft (types) and Node's file system behind one seam. Promises: what was reported durable is on disk; damage
 * is noticed, never served; a write or sync error stops the process.
 */
export type { FileHandle, FileSystem } from "./file-system.js";
export type {
  FlushObserver,
  GroupId,
  LogOrder,
  RecoveredGroup,
  ShardLog,
  ShardLogStats,
} from "./shard-log.js";
export type { CheckpointBatch, CheckpointRoot, CheckpointStore, Row, StagedCheckpoint } from "./checkpoint-store.js";
