import type { Timer, Timers } from "../base/index.js";
import type { FileSystem } from "../storage/index.js";
import type { Logger } from "../telemetry/index.js";
import { nodeLimits } from "./limits.js";

/** Looks at the free space of the data folder every second and tells when posts must be refused and when they may go on. */
export class DiskWatch {
  readonly #fileSystem: FileSystem;
  readonly #directory: string;
  readonly #log: Logger;
  #changed: (full: boolean) => void = () => undefined;
  #noSpare = false;
  #timer: Timer | undefined;
  #full = false;
  freeBytes = 0;
  totalBytes = 0;

  constructor(fileSystem: FileSystem, directory: string, log: Logger) {
    this.#fileSystem = fileSystem;
    this.#directory = directory;
    this.#log = log;
  }

  /** `changed` hears at once how it is if posts must be refused already, then when they must (true) and when they may go on. */
  onChange(changed: (full: boolean) => void): void {
    this.#changed = changed;
    if (this.#full) changed(true);
  }

  /** The log found no room for a spare segment, or has one again. */
  noteSpaceLow(low: boolean): void {
    this.#noSpare = low;
    this.#decide();
  }

  /** True while new messages are refused. */
  get full(): boolean {
    return this.#full;
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
    this.#decide();
  }

  #decide(): void {
    const { freeBytes, totalBytes } = this;
    const floor = Math.min(nodeLimits.freeBytesMin, totalBytes * nodeLimits.freeFractionMin);
    // Twice the floor ends it, so that the answer does not flap.
    const full = this.#noSpare || (this.#full ? freeBytes < 2 * floor : freeBytes < floor);
    if (full === this.#full) return;
    this.#full = full;
    this.#changed(full);
    const freeMib = Math.round(freeBytes / 1_048_576);
    if (full) this.#log.error({ freeMib }, "disk almost full: new messages are refused, claims and deletes go on");
    else this.#log.info({ freeMib }, "disk space is back: new messages are accepted");
  }
}
