import type { Rng } from "../base/index.js";

/** The unit in which a disk tears: a crash leaves a sector old, new, or (mode "tear") partly both. */
export const SECTOR_BYTES = 512;

/**
 * What a crash does to state that was not synced. `keep`: the process died, the operating system lives on, nothing is lost.
 * `lose`: power cut, nothing unsynced arrived. `tear`: power cut, every unsynced sector and directory entry on its own.
 */
export type CrashMode = "keep" | "lose" | "tear";

/**
 * The content of one file, twice: what readers see, and what the disk held at the last sync. Both halves lie in one buffer, so
 * that a sync copies sectors within it and makes nothing: simulations sync a thousand times in a second.
 */
export class MemoryFile {
  /** Whole sectors: `#capacity` bytes that readers see, then as many that are durable. */
  #bytes: Buffer = Buffer.alloc(0);
  #capacity = 0;
  #size = 0;
  #durableSize = 0;
  /** Sectors written since the last sync, in the order of their first write. */
  #unsynced: number[] = [];
  /** By sector: 1 when it is in `#unsynced`. */
  #isUnsynced = new Uint8Array(0);

  get size(): number {
    return this.#size;
  }

  get unsyncedSectors(): number {
    return this.#unsynced.length;
  }

  write(buffers: readonly Uint8Array[], position: number): void {
    let at = position;
    for (const buffer of buffers) {
      this.#reserve(at + buffer.length);
      this.#noteUnsynced(at, at + buffer.length);
      this.#bytes.set(buffer, at);
      at += buffer.length;
      if (at > this.#size) this.#size = at;
    }
  }

  read(length: number, position: number): Buffer {
    if (position >= this.#size) return Buffer.alloc(0);
    return Buffer.from(this.#bytes.subarray(position, Math.min(this.#size, position + length)));
  }

  sync(): void {
    const sectors = this.#unsynced;
    for (let i = 0; i < sectors.length;) {
      const first = sectors[i] as number;
      let count = 0;
      for (; sectors[i] === first + count; i++) this.#isUnsynced[first + count++] = 0;
      const at = first * SECTOR_BYTES;
      this.#bytes.copyWithin(this.#capacity + at, at, at + count * SECTOR_BYTES);
    }
    this.#unsynced.length = 0;
    this.#durableSize = this.#size;
  }

  /** Turns the content into what a disk may hold after a crash of this kind. */
  crash(rng: Rng, mode: CrashMode): void {
    if (mode !== "keep") {
      const grown = this.#size > this.#durableSize;
      const keepSize = mode === "tear" && rng.fraction() < 0.5;
      for (const sector of this.#unsynced) this.#crashSector(rng, mode, sector);
      if (grown && !keepSize) this.#shrink(this.#durableSize);
    }
    this.sync();
  }

  #crashSector(rng: Rng, mode: CrashMode, sector: number): void {
    const fate = mode === "lose" ? 0 : rng.between(0, 4);
    if (fate === 0) this.#restore(sector, SECTOR_BYTES);
    if (fate === 1) this.#restore(sector, rng.between(0, SECTOR_BYTES));
  }

  /** The head of a sector is as it was at the last sync. */
  #restore(sector: number, count: number): void {
    const durable = this.#capacity + sector * SECTOR_BYTES;
    this.#bytes.copyWithin(sector * SECTOR_BYTES, durable, durable + count);
  }

  #shrink(size: number): void {
    this.#bytes.fill(0, size, this.#size);
    this.#size = size;
  }

  #reserve(needed: number): void {
    if (needed <= this.#capacity) return;
    const capacity = Math.ceil(Math.max(needed, this.#capacity * 2) / SECTOR_BYTES) * SECTOR_BYTES;
    const larger = Buffer.alloc(2 * capacity);
    this.#bytes.copy(larger, 0, 0, this.#capacity);
    this.#bytes.copy(larger, capacity, this.#capacity);
    const isUnsynced = new Uint8Array(capacity / SECTOR_BYTES);
    isUnsynced.set(this.#isUnsynced);
    this.#bytes = larger;
    this.#capacity = capacity;
    this.#isUnsynced = isUnsynced;
  }

  #noteUnsynced(start: number, end: number): void {
    for (let sector = Math.floor(start / SECTOR_BYTES); sector * SECTOR_BYTES < end; sector++) {
      if (this.#isUnsynced[sector] === 1) continue;
      this.#isUnsynced[sector] = 1;
      this.#unsynced.push(sector);
    }
  }
}
