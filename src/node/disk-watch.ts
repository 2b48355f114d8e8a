import type { Timer, Timers } from "../base/index.js";
import type { FileSystem } from "../storage/index.js";
import type { Logger } from "../telemetry/index.js";
import { nodeLimits } from "./limits.js";

/** Looks at the free space of the data folder every second and tells when posts must be refused and when they may go on. */
export class DiskWatch {
  readonly #fileSystem: FileSystem;
  readonly #directory: string;
  readonly #log: Logger;
  readonly #changed: (full: boolean) => void;
  #timer: Timer | undefined;
  #full = false;
  freeBytes = 0;
  totalBytes = 0;

  constructor(fileSystem: FileSystem, directory: string, log: Logger, changed: (full: boolean) => void) {
    this.#fileSystem = fileSystem;
    this.#directory = directory;
    this.#log = log;
    this.#changed = changed;
  }

  start(timers: Timers): void {
    this.#timer = timers.every(1_000, () => {
      this.check().catch((error: unknown) => {
        this.#log.error({ err: error }, "cannot read the free space of the data folder");
      });
    });
  }

  stop(): void {
    this.#timer?.cancel();
  }

  async check(): Promise<void> {
    const { freeBytes, totalBytes } = await this.#fileSystem.space(this.#directory);
    this.freeBytes = freeBytes;
    this.totalBytes = totalBytes;
    const floor = Math.min(nodeLimits.freeBytesMin, totalBytes * nodeLimits.freeFractionMin);
    // Twice the floor ends it, so that the answer does not flap.
    const full = this.#full ? freeBytes < 2 * floor : freeBytes < floor;
    if (full === this.#full) return;
    this.#full = full;
    this.#changed(full);
    const megabytes = Math.round(freeBytes / 1_048_576);
    if (full)
      this.#log.error({ freeMib: megabytes }, "disk almost full: new messages are refused, claims and deletes go on");
    else this.#log.info({ freeMib: megabytes }, "disk space is back: new messages are accepted");
  }
}
