import type { Rng } from "../base/index.js";
import type { FileHandle, FileSystem } from "./file-system.js";
import { type CrashMode, MemoryFile } from "./memory-file.js";

export type { CrashMode } from "./memory-file.js";

/** A change of a directory that is not durable yet. A rename is one change: it never survives by half. */
interface DirectoryChange {
  readonly directories: ReadonlySet<string>;
  readonly sets: readonly { readonly path: string; readonly file: MemoryFile | undefined }[];
}

const MEMORY_BYTES_TOTAL = 1 << 30;

/**
 * Files in memory that know what was synced, for unit tests and the simulator. `crash` turns the present state into one that
 * a disk may show after a power cut; handles from before it are dead.
 */
export class MemoryFileSystem implements FileSystem {
  readonly #files = new Map<string, MemoryFile>();
  readonly #durable = new Map<string, MemoryFile>();
  readonly #directories = new Set<string>(["/", "."]);
  #changes: DirectoryChange[] = [];
  #life = 0;
  #bytesTotal = MEMORY_BYTES_TOTAL;

  /** Bytes that all files together may hold before writes fail with ENOSPC. */
  limit(bytesTotal: number): void {
    this.#bytesTotal = bytesTotal;
  }

  crash(rng: Rng, mode: CrashMode): void {
    this.#life++;
    if (mode !== "keep") this.#crashDirectories(rng, mode);
    for (const file of new Set(this.#files.values())) file.crash(rng, mode);
    this.#durable.clear();
    for (const [path, file] of this.#files) this.#durable.set(path, file);
    this.#changes = [];
  }

  // Synchronous inside, so that the order of effects is the order of calls; awaiting costs the caller one microtask.
  open(path: string, mode: "read" | "read-write" | "create"): Promise<FileHandle> {
    const found = this.#files.get(path);
    if (mode !== "create") {
      return found === undefined ? missing(path) : Promise.resolve(this.#handle(path, found, mode));
    }
    if (found !== undefined) return Promise.reject(systemError("EEXIST", path));
    if (!this.#directories.has(parentOf(path))) return missing(parentOf(path));
    const file = new MemoryFile();
    this.#change([{ path, file }]);
    return Promise.resolve(this.#handle(path, file, mode));
  }

  list(directory: string): Promise<string[]> {
    if (!this.#directories.has(directory)) return missing(directory);
    const names: string[] = [];
    for (const path of this.#files.keys()) if (parentOf(path) === directory) names.push(nameOf(path));
    for (const path of this.#directories) {
      if (path !== directory && parentOf(path) === directory) names.push(nameOf(path));
    }
    return Promise.resolve(names.sort());
  }

  makeDirectory(path: string): Promise<void> {
    for (let at = path; !this.#directories.has(at); at = parentOf(at)) this.#directories.add(at);
    return Promise.resolve();
  }

  rename(from: string, to: string): Promise<void> {
    const file = this.#files.get(from);
    if (file !== undefined) {
      this.#change([
        { path: from, file: undefined },
        { path: to, file },
      ]);
      return Promise.resolve();
    }
    if (!this.#directories.has(from)) return missing(from);
    this.#renameDirectory(from, to);
    return Promise.resolve();
  }

  remove(path: string): Promise<void> {
    if (!this.#files.has(path)) return missing(path);
    this.#change([{ path, file: undefined }]);
    return Promise.resolve();
  }

  exists(path: string): Promise<boolean> {
    return Promise.resolve(this.#files.has(path) || this.#directories.has(path));
  }

  syncDirectory(directory: string): Promise<void> {
    if (!this.#directories.has(directory)) return missing(directory);
    const later: DirectoryChange[] = [];
    for (const change of this.#changes) {
      if (change.directories.has(directory)) applyChange(this.#durable, change);
      else later.push(change);
    }
    this.#changes = later;
    return Promise.resolve();
  }

  space(): Promise<{ readonly freeBytes: number; readonly totalBytes: number }> {
    return Promise.resolve({ freeBytes: Math.max(0, this.#bytesTotal - this.#used()), totalBytes: this.#bytesTotal });
  }

  #used(): number {
    let used = 0;
    for (const file of this.#files.values()) used += file.size;
    return used;
  }

  #change(sets: DirectoryChange["sets"]): void {
    const change = { directories: new Set(sets.map((set) => parentOf(set.path))), sets };
    applyChange(this.#files, change);
    this.#changes.push(change);
  }

  /** Directories are durable at once, and so are renames of them: this room makes them once, before anything depends on them. */
  #renameDirectory(from: string, to: string): void {
    const moved = (path: string): string =>
      path === from || path.startsWith(`${from}/`) ? to + path.slice(from.length) : path;
    for (const files of [this.#files, this.#durable]) {
      const all = [...files];
      files.clear();
      for (const [path, file] of all) files.set(moved(path), file);
    }
    const directories = [...this.#directories];
    this.#directories.clear();
    for (const path of directories) this.#directories.add(moved(path));
  }

  #crashDirectories(rng: Rng, mode: CrashMode): void {
    this.#files.clear();
    for (const [path, file] of this.#durable) this.#files.set(path, file);
    for (const change of this.#changes) {
      if (mode === "tear" && rng.fraction() < 0.5) applyChange(this.#files, change);
    }
  }

  #handle(path: string, file: MemoryFile, mode: "read" | "read-write" | "create"): FileHandle {
    const life = this.#life;
    const guard = (): Error | undefined => (life === this.#life ? undefined : systemError("EBADF", path));
    const room = (): number => this.#bytesTotal - this.#used();
    return new MemoryFileHandle(file, path, mode !== "read", guard, room);
  }
}

class MemoryFileHandle implements FileHandle {
  readonly #file: MemoryFile;
  readonly #path: string;
  readonly #writable: boolean;
  readonly #guard: () => Error | undefined;
  readonly #room: () => number;
  #closed = false;

  constructor(file: MemoryFile, path: string, writable: boolean, guard: () => Error | undefined, room: () => number) {
    this.#file = file;
    this.#path = path;
    this.#writable = writable;
    this.#guard = guard;
    this.#room = room;
  }

  writev(buffers: readonly Uint8Array[], position: number): Promise<void> {
    const problem = this.#problem() ?? (this.#writable ? undefined : systemError("EBADF", this.#path));
    if (problem !== undefined) return Promise.reject(problem);
    let total = 0;
    for (const buffer of buffers) total += buffer.length;
    const growth = position + total - this.#file.size;
    if (growth > 0 && growth > this.#room()) return Promise.reject(systemError("ENOSPC", this.#path));
    this.#file.write(buffers, position);
    return Promise.resolve();
  }

  read(length: number, position: number): Promise<Buffer> {
    const problem = this.#problem();
    return problem === undefined ? Promise.resolve(this.#file.read(length, position)) : Promise.reject(problem);
  }

  datasync(): Promise<void> {
    const problem = this.#problem();
    if (problem !== undefined) return Promise.reject(problem);
    this.#file.sync();
    return Promise.resolve();
  }

  sync(): Promise<void> {
    return this.datasync();
  }

  size(): Promise<number> {
    const problem = this.#problem();
    return problem === undefined ? Promise.resolve(this.#file.size) : Promise.reject(problem);
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  #problem(): Error | undefined {
    return this.#closed ? systemError("EBADF", this.#path) : this.#guard();
  }
}

function applyChange(files: Map<string, MemoryFile>, change: DirectoryChange): void {
  for (const { path, file } of change.sets) {
    if (file === undefined) files.delete(path);
    else files.set(path, file);
  }
}

export function parentOf(path: string): string {
  const slash = path.lastIndexOf("/");
  if (slash < 0) return ".";
  return slash === 0 ? "/" : path.slice(0, slash);
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** An error like those of Node's file system calls. */
export function systemError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code, path });
}

function missing(path: string): Promise<never> {
  return Promise.reject(systemError("ENOENT", path));
}
