import { assert, type Timer, type Timers } from "../../base/index.js";
import { asError, systemErrorCode } from "../errors.js";
import type { FileHandle, FileSystem } from "../file-system.js";
import { ALLOCATE_RETRY_MS, ALLOCATE_STEP_BYTES, BLANK_KEPT_MAX } from "../limits.js";
import { SEGMENT_HEADER_BYTES } from "./layout.js";

/** A file of full size with blank header pages, under its final name, both durable: rolling over only has to write into it. */
export interface PreparedSegment {
  readonly segmentId: number;
  readonly handle: FileHandle;
}

/** A file that the log no longer needs. Its header pages may hold anything. */
export interface RetiredSegment extends BlankFile {
  /** False when the file has another size than segments have now: it is removed. */
  readonly reusable: boolean;
}

/** A file of full size whose header pages are durably blank. */
interface BlankFile {
  readonly name: string;
  readonly handle: FileHandle;
}

export interface SupplyOptions {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  readonly segmentBytes: number;
  /** Prepared segments to keep ready, >= 0. */
  readonly spares: number;
  readonly timers: Pick<Timers, "soon" | "after">;
  /** An error that must stop the log: anything but a full disk. */
  readonly onFatal: (error: Error) => void;
  readonly onSpaceLow: (low: boolean) => void;
}

const ZERO_STEP = Buffer.alloc(ALLOCATE_STEP_BYTES);

export function segmentName(segmentId: number): string {
  return `${String(segmentId).padStart(12, "0")}.seg`;
}

/** Ends an allocation that the closing of the log made pointless. */
class Stopped extends Error {}

/**
 * Prepares the files of coming segments in the background, one step at a time. Files that the log gives back are blanked (or
 * removed) strictly in the order in which they come, which is that of their ids: whenever a crash comes, the segments with
 * whole headers have no hole. A full disk is not an error as long as a prepared file is left; it is reported and tried again.
 */
export class SegmentSupply {
  readonly #options: SupplyOptions;
  #nextId: number;
  readonly #ready: PreparedSegment[] = [];
  readonly #retired: RetiredSegment[] = [];
  readonly #blank: BlankFile[] = [];
  #working: Promise<void> | undefined;
  #retry: Timer | undefined;
  #spaceLow = false;
  #stopped = false;
  #started = false;

  /** `nextId`: the id of the first segment to prepare. `retired`: files found at start. */
  constructor(options: SupplyOptions, nextId: number, retired: readonly RetiredSegment[]) {
    this.#options = options;
    this.#nextId = nextId;
    this.#retired.push(...retired);
  }

  get spaceLow(): boolean {
    return this.#spaceLow;
  }

  get readyCount(): number {
    return this.#ready.length;
  }

  /** Begins to work ahead; until then only `take` prepares. */
  start(): void {
    this.#started = true;
    this.#kick();
  }

  /** The next segment, at once when one is ready. Rejects when none can be made: with ENOSPC on a full disk. */
  async take(segmentId: number): Promise<PreparedSegment> {
    while (this.#ready.length === 0) {
      this.#working ??= this.#occupy(this.#prepare());
      await this.#working;
    }
    const prepared = this.#ready.shift();
    assert(prepared?.segmentId === segmentId, "segments are taken in the order of their ids");
    this.#kick();
    return prepared;
  }

  /** Takes back a file that the log no longer needs. A few are kept for coming segments, more are removed. */
  retire(segment: RetiredSegment): void {
    this.#retired.push(segment);
    this.#kick();
  }

  /** Ends the work in the background. The files it held are the caller's to close. */
  async stop(): Promise<FileHandle[]> {
    this.#stopped = true;
    this.#retry?.cancel();
    // Whoever began it hears of its error.
    await Promise.allSettled([this.#working]);
    return [...this.#ready, ...this.#retired, ...this.#blank].map(({ handle }) => handle);
  }

  #kick(): void {
    if (!this.#started || this.#stopped || this.#working !== undefined || !this.#hasWork()) return;
    this.#working = this.#occupy(this.#work());
  }

  /** Only one preparation runs at a time: ids and names are given out in order. */
  #occupy(work: Promise<void>): Promise<void> {
    return work.finally(() => {
      this.#working = undefined;
    });
  }

  #hasWork(): boolean {
    return this.#retired.length > 0 || this.#ready.length < this.#options.spares || this.#blank.length > BLANK_KEPT_MAX;
  }

  async #work(): Promise<void> {
    this.#retry?.cancel();
    this.#retry = undefined;
    try {
      while (!this.#stopped && this.#hasWork()) {
        if (this.#ready.length < this.#options.spares) await this.#prepare();
        else await this.#tidy();
      }
      this.#reportSpace(false);
    } catch (error) {
      if (error instanceof Stopped) return;
      if (systemErrorCode(error) === "ENOSPC") this.#retryLater();
      else this.#options.onFatal(asError(error));
    }
  }

  #retryLater(): void {
    this.#reportSpace(true);
    this.#retry = this.#options.timers.after(ALLOCATE_RETRY_MS, () => {
      this.#kick();
    });
  }

  #reportSpace(low: boolean): void {
    if (low === this.#spaceLow) return;
    this.#spaceLow = low;
    this.#options.onSpaceLow(low);
  }

  async #prepare(): Promise<void> {
    // Also because one of them may have the name that is wanted.
    while (this.#retired.length > 0) await this.#clean();
    const segmentId = this.#nextId;
    const blank = this.#pickBlank(segmentName(segmentId));
    const handle = blank === undefined ? await this.#allocate(segmentId) : await this.#reuse(blank, segmentId);
    this.#nextId++;
    this.#ready.push({ segmentId, handle });
  }

  async #tidy(): Promise<void> {
    if (this.#retired.length > 0) return this.#clean();
    const surplus = this.#blank.shift();
    if (surplus !== undefined) await this.#remove(surplus);
  }

  /** Blanks or removes the file that was given back first. Its old header must be gone before the file gets another name. */
  async #clean(): Promise<void> {
    const retired = this.#retired.shift();
    if (retired === undefined) return;
    if (!retired.reusable) return this.#remove(retired);
    await retired.handle.writev([ZERO_STEP.subarray(0, SEGMENT_HEADER_BYTES)], 0);
    await retired.handle.datasync();
    this.#blank.push(retired);
  }

  /** The file that already has the wanted name goes first, so that a rename never lands on another file. */
  #pickBlank(name: string): BlankFile | undefined {
    const index = this.#blank.findIndex((blank) => blank.name === name);
    return this.#blank.splice(Math.max(0, index), 1)[0];
  }

  async #reuse(blank: BlankFile, segmentId: number): Promise<FileHandle> {
    const { fileSystem, directory } = this.#options;
    const name = segmentName(segmentId);
    if (blank.name !== name) {
      await fileSystem.rename(`${directory}/${blank.name}`, `${directory}/${name}`);
      await fileSystem.syncDirectory(directory);
    }
    return blank.handle;
  }

  async #allocate(segmentId: number): Promise<FileHandle> {
    const { fileSystem, directory } = this.#options;
    const path = `${directory}/${segmentName(segmentId)}`;
    const handle = await fileSystem.open(path, "create");
    try {
      await this.#fill(handle);
      await handle.sync();
      await fileSystem.syncDirectory(directory);
      return handle;
    } catch (error) {
      await handle.close();
      await fileSystem.remove(path);
      throw error;
    }
  }

  async #fill(handle: FileHandle): Promise<void> {
    const { segmentBytes, timers } = this.#options;
    for (let at = 0; at < segmentBytes; at += ALLOCATE_STEP_BYTES) {
      if (this.#stopped) throw new Stopped();
      const step = Math.min(ALLOCATE_STEP_BYTES, segmentBytes - at);
      await handle.writev([ZERO_STEP.subarray(0, step)], at);
      await handle.datasync();
      if (at + step < segmentBytes)
        await new Promise<void>((resolve) => {
          timers.soon(resolve);
        });
    }
  }

  async #remove(file: BlankFile): Promise<void> {
    const { fileSystem, directory } = this.#options;
    await file.handle.close();
    await fileSystem.remove(`${directory}/${file.name}`);
    await fileSystem.syncDirectory(directory);
  }
}
