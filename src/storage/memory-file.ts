import type { Rng } from "../base/index.js";

/** The unit in which a disk tears: a crash leaves a sector old, new, or (mode "tear") partly both. */
export const SECTOR_BYTES = 512;

/**
 * What a crash does to state that was not synced. `keep`: the process died, the operating system lives on, nothing is lost.
 * `lose`: power cut, nothing unsynced arrived. `tear`: power cut, every unsynced sector and directory entry on its own.
 */
export type CrashMode = "keep" | "lose" | "tear";

/** The content of one file: what readers see, and for every unsynced sector what the disk still holds. */
export class MemoryFile {
  #content: Buffer = Buffer.alloc(0);
  #size = 0;
  #durableSize = 0;
  /** Sector number -> its bytes at the last sync. */
  readonly #durableSectors = new Map<number, Buffer>();

  get size(): number {
    return this.#size;
  }

  get unsyncedSectors(): number {
    return this.#durableSectors.size;
  }

  write(buffers: readonly Uint8Array[], position: number): void {
    let at = position;
    for (const buffer of buffers) {
      this.#reserve(at + buffer.length);
      this.#keepDurable(at, at + buffer.length);
      this.#content.set(buffer, at);
      at += buffer.length;
      if (at > this.#size) this.#size = at;
    }
  }

  read(length: number, position: number): Buffer {
    if (position >= this.#size) return Buffer.alloc(0);
    return Buffer.from(this.#content.subarray(position, Math.min(this.#size, position + length)));
  }

  sync(): void {
    this.#durableSectors.clear();
    this.#durableSize = this.#size;
  }

  /** Turns the content into what a disk may hold after a crash of this kind. */
  crash(rng: Rng, mode: CrashMode): void {
    if (mode !== "keep") {
      const grown = this.#size > this.#durableSize;
      const keepSize = mode === "tear" && rng.fraction() < 0.5;
      for (const [sector, old] of this.#durableSectors) this.#crashSector(rng, mode, sector, old);
      if (grown && !keepSize) this.#shrink(this.#durableSize);
    }
    this.sync();
  }

  #crashSector(rng: Rng, mode: CrashMode, sector: number, old: Buffer): void {
    const at = sector * SECTOR_BYTES;
    const fate = mode === "lose" ? 0 : rng.between(0, 4);
    if (fate === 0) old.copy(this.#content, at);
    if (fate === 1) old.copy(this.#content, at, 0, rng.between(0, SECTOR_BYTES));
  }

  #shrink(size: number): void {
    this.#content.fill(0, size, this.#size);
    this.#size = size;
  }

  #reserve(needed: number): void {
    if (needed <= this.#content.length) return;
    const rounded = Math.ceil(Math.max(needed, this.#content.length * 2) / SECTOR_BYTES) * SECTOR_BYTES;
    const larger = Buffer.alloc(rounded);
    this.#content.copy(larger, 0, 0, this.#size);
    this.#content = larger;
  }

  #keepDurable(start: number, end: number): void {
    for (let sector = Math.floor(start / SECTOR_BYTES); sector * SECTOR_BYTES < end; sector++) {
      if (this.#durableSectors.has(sector)) continue;
      const at = sector * SECTOR_BYTES;
      this.#durableSectors.set(sector, Buffer.from(this.#content.subarray(at, at + SECTOR_BYTES)));
    }
  }
}
