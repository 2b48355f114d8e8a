/** Bytes on disk that cannot be what was written. Never repaired silently: the message says where, and what an operator can do. */
export class CorruptionError extends Error {
  override readonly name = "CorruptionError";
  readonly path: string;
  /** Byte offset in the file; -1 when the damage has no single place. */
  readonly offset: number;
  /** The group whose data is damaged, when it is that of one alone. */
  readonly group: number | undefined;

  constructor(path: string, offset: number, problem: string, advice: string, group?: number) {
    super(`${path}${offset < 0 ? "" : ` at offset ${String(offset)}`}: ${problem}. ${advice}`);
    this.path = path;
    this.offset = offset;
    this.group = group;
  }
}

/** A data folder that this process must not use: another cluster's or node's, a newer format's, or one in use. */
export class DataDirectoryError extends Error {
  override readonly name = "DataDirectoryError";
  readonly path: string;

  constructor(path: string, problem: string, advice: string) {
    super(`${path}: ${problem}. ${advice}`);
    this.path = path;
  }
}

/** What to do about a replica whose own copy is damaged: its peers still have the data (raft.md section 4.1). */
export const REPLACE_NODE_ADVICE =
  "Do not delete files by hand. Start this node with a reset data folder, so that it joins under a new incarnation and is filled " +
  "from its peers; if this was the only copy, restore a backup";

/** The `code` of a Node system error, or undefined. */
export function systemErrorCode(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
