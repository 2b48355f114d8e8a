import { type FileHandle as NodeFileHandle, mkdir, open, readdir, rename, rm, stat, statfs } from "node:fs/promises";
import type { FileHandle, FileSystem } from "./file-system.js";

/** What RealFileHandle needs of a Node handle; a seam for tests of short reads and writes. */
export type RawHandle = Pick<NodeFileHandle, "writev" | "read" | "datasync" | "sync" | "stat" | "close">;

/**
 * A file of the operating system. Node's promise handles, not the callback API: measured equal or a little faster for
 * writev + fdatasync (64 KiB: p50 121 against 137 us, CPU 72 against 90 us).
 */
export class RealFileHandle implements FileHandle {
  readonly #raw: RawHandle;

  constructor(raw: RawHandle) {
    this.#raw = raw;
  }

  async writev(buffers: readonly Uint8Array[], position: number): Promise<void> {
    let total = 0;
    for (const buffer of buffers) total += buffer.length;
    if (total === 0) return;
    const { bytesWritten } = await this.#raw.writev(buffers as Uint8Array[], position);
    if (bytesWritten < total) await this.#finish(buffers, position, bytesWritten, total);
  }

  /** The kernel may take only a part (a signal, a nearly full disk); the rest is offered again until it is refused with an error. */
  async #finish(buffers: readonly Uint8Array[], position: number, already: number, total: number): Promise<void> {
    let done = already;
    let left = dropFront(buffers, done);
    while (done < total) {
      const { bytesWritten } = await this.#raw.writev(left, position + done);
      if (bytesWritten === 0) throw Object.assign(new Error("write made no progress"), { code: "EIO" });
      done += bytesWritten;
      left = dropFront(left, bytesWritten);
    }
  }

  async read(length: number, position: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(length);
    let done = 0;
    while (done < length) {
      const { bytesRead } = await this.#raw.read(buffer, done, length - done, position + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return buffer.subarray(0, done);
  }

  async datasync(): Promise<void> {
    await this.#raw.datasync();
  }

  async sync(): Promise<void> {
    await this.#raw.sync();
  }

  async size(): Promise<number> {
    return (await this.#raw.stat()).size;
  }

  async close(): Promise<void> {
    await this.#raw.close();
  }
}

function dropFront(buffers: readonly Uint8Array[], count: number): Uint8Array[] {
  const rest: Uint8Array[] = [];
  let skip = count;
  for (const buffer of buffers) {
    if (skip >= buffer.length) {
      skip -= buffer.length;
      continue;
    }
    rest.push(skip === 0 ? buffer : buffer.subarray(skip));
    skip = 0;
  }
  return rest;
}

const FLAGS = { read: "r", "read-write": "r+", create: "wx+" } as const;

/** The operating system's file system. */
export class RealFileSystem implements FileSystem {
  async open(path: string, mode: "read" | "read-write" | "create"): Promise<FileHandle> {
    return new RealFileHandle(await open(path, FLAGS[mode]));
  }

  async list(directory: string): Promise<string[]> {
    return (await readdir(directory)).sort();
  }

  async makeDirectory(path: string): Promise<void> {
    await mkdir(path, { recursive: true });
  }

  async rename(from: string, to: string): Promise<void> {
    await rename(from, to);
  }

  async remove(path: string): Promise<void> {
    await rm(path);
  }

  async exists(path: string): Promise<boolean> {
    try {
      await stat(path);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
      throw error;
    }
  }

  async syncDirectory(directory: string): Promise<void> {
    const handle = await open(directory, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  async space(path: string): Promise<{ readonly freeBytes: number; readonly totalBytes: number }> {
    const found = await statfs(path);
    return { freeBytes: found.bavail * found.bsize, totalBytes: found.blocks * found.bsize };
  }
}
