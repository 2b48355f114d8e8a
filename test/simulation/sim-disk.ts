import type { Rng } from "../../src/base/index.js";
import { type FileHandle, type FileSystem, MemoryFileSystem } from "../../src/storage/index.js";
import type { SimProcess } from "./sim-process.js";

/** How a machine's disk behaves; belongs to the machine and may change while it runs. */
export interface DiskTemper {
  /** Median of the time that a sync takes, in milliseconds. */
  syncMs: number;
  readMs: number;
  /** Factor of the present trouble; 1 when there is none. */
  slowness: number;
  /** The next sync fails with EIO. */
  failNextSync: boolean;
}

/** The file system of one process on a disk in memory: takes time, and dies with the process. */
export class SimDisk implements FileSystem {
  readonly #files: MemoryFileSystem;
  readonly #temper: DiskTemper;
  readonly #process: SimProcess;
  readonly #rng: Rng;

  constructor(files: MemoryFileSystem, temper: DiskTemper, process: SimProcess) {
    this.#files = files;
    this.#temper = temper;
    this.#process = process;
    this.#rng = process.world.rng(`disk of ${process.name}`);
  }

  async open(path: string, mode: "read" | "read-write" | "create"): Promise<FileHandle> {
    const handle = await this.#files.open(path, mode);
    return new SimFileHandle(handle, this);
  }

  list(directory: string): Promise<string[]> {
    return this.#files.list(directory);
  }

  makeDirectory(path: string): Promise<void> {
    return this.#files.makeDirectory(path);
  }

  rename(from: string, to: string): Promise<void> {
    if (to.endsWith(".seg")) this.#process.world.coverage.add("segmentsRecycled");
    return this.#files.rename(from, to);
  }

  remove(path: string): Promise<void> {
    return this.#files.remove(path);
  }

  exists(path: string): Promise<boolean> {
    return this.#files.exists(path);
  }

  syncDirectory(directory: string): Promise<void> {
    return this.sync(() => this.#files.syncDirectory(directory));
  }

  space(): Promise<{ readonly freeBytes: number; readonly totalBytes: number }> {
    return this.#files.space();
  }

  /** What is synced counts as durable from the end of the call on, not before. */
  sync(act: () => Promise<void>): Promise<void> {
    return this.#later(this.#temper.syncMs, () => {
      if (!this.#temper.failNextSync) return act();
      this.#temper.failNextSync = false;
      this.#process.world.coverage.add("diskErrors");
      return Promise.reject(Object.assign(new Error("EIO: injected"), { code: "EIO" }));
    });
  }

  read(act: () => Promise<Buffer>): Promise<Buffer> {
    return this.#later(this.#temper.readMs, act);
  }

  /** What `act` comes to, after a time that a disk of that median and its present trouble takes. */
  #later<T>(medianMs: number, act: () => Promise<T>): Promise<T> {
    const delayMs = medianMs * this.#temper.slowness * (0.5 + this.#rng.fraction());
    return new Promise((resolve, reject) => {
      this.#process.world.after(delayMs, this.#process, () => {
        act().then(resolve, reject);
      });
    });
  }

  pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#process.world.after(delayMs, this.#process, resolve);
    });
  }
}

class SimFileHandle implements FileHandle {
  readonly #inner: FileHandle;
  readonly #disk: SimDisk;

  constructor(inner: FileHandle, disk: SimDisk) {
    this.#inner = inner;
    this.#disk = disk;
  }

  writev(buffers: readonly Uint8Array[], position: number): Promise<void> {
    return this.#inner.writev(buffers, position);
  }

  read(length: number, position: number): Promise<Buffer> {
    return this.#disk.read(() => this.#inner.read(length, position));
  }

  datasync(): Promise<void> {
    return this.#disk.sync(() => this.#inner.datasync());
  }

  sync(): Promise<void> {
    return this.#disk.sync(() => this.#inner.sync());
  }

  size(): Promise<number> {
    return this.#inner.size();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}
