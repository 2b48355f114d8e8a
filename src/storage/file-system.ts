/**
 * The seam through which every byte of this room reaches a disk. Three twins: the real one (`node:fs`), one in memory that
 * knows what was synced, and one that injects faults. All errors are Node system errors with a `code` (ENOSPC, EIO ...).
 */
export interface FileHandle {
  /** Writes all buffers at `position`; short writes are completed inside. */
  writev(buffers: readonly Uint8Array[], position: number): Promise<void>;
  /** Reads up to `length` bytes; shorter only at the end of the file. */
  read(length: number, position: number): Promise<Buffer>;
  datasync(): Promise<void>;
  sync(): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}

export interface FileSystem {
  /** `create` makes a new file and fails with EEXIST when there is one: nothing is ever truncated by opening it. */
  open(path: string, mode: "read" | "read-write" | "create"): Promise<FileHandle>;
  /** Names in the directory, sorted. */
  list(directory: string): Promise<string[]>;
  /** With its parents; no error when it is there. */
  makeDirectory(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Removes one file; ENOENT when it is missing. */
  remove(path: string): Promise<void>;
  exists(path: string): Promise<boolean>;
  /** Makes creations, renames and removals in `directory` durable. */
  syncDirectory(directory: string): Promise<void>;
  /** Bytes free for unprivileged use and in total, on the file system that holds `path`. */
  space(path: string): Promise<{ readonly freeBytes: number; readonly totalBytes: number }>;
}
