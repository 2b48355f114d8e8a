import { checksum } from "./checksum.js";
import { CorruptionError, DataDirectoryError, systemErrorCode } from "./errors.js";
import type { FileSystem } from "./file-system.js";
import { PAGE_BYTES } from "./limits.js";

const MAGIC = Buffer.from("MQSUPER1", "latin1");
const COPIES = 4;
const HEADER_BYTES = 28;

/** What the four copies say together. `damaged`: files are there, but none of them is whole. */
export type SuperblockContent =
  { readonly state: "missing" } | { readonly state: "damaged" } | { readonly state: "valid"; readonly payload: Buffer };

/**
 * A small record that must never be lost: four copies of one page, each with a sequence number and a sum. A write goes to the
 * two copies that do not hold the newest content, so whatever a crash tears, two whole copies remain.
 *
 * Page: magic 8, sum u32 of bytes 12.., format u16, least reader u16, sequence u64, payload length u32, payload.
 */
export class Superblock {
  readonly #fileSystem: FileSystem;
  readonly #directory: string;
  readonly #format: number;
  #sequence = 0;

  constructor(fileSystem: FileSystem, directory: string, format: number) {
    this.#fileSystem = fileSystem;
    this.#directory = directory;
    this.#format = format;
  }

  path(copy: number): string {
    return `${this.#directory}/superblock.${String(copy)}`;
  }

  /** Reads the newest whole copy. Throws DataDirectoryError when it was written by a format that this one may not read. */
  async read(): Promise<SuperblockContent> {
    let newest: Buffer | undefined;
    let present = false;
    for (let copy = 0; copy < COPIES; copy++) {
      const page = await this.#readCopy(copy);
      if (page === undefined) continue;
      present = true;
      if (!isWhole(page)) continue;
      this.#refuseNewer(page, copy);
      const sequence = sequenceOf(page);
      if (newest !== undefined && sequence <= this.#sequence) continue;
      newest = page;
      this.#sequence = sequence;
    }
    if (newest === undefined) return { state: present ? "damaged" : "missing" };
    return { state: "valid", payload: newest.subarray(HEADER_BYTES, HEADER_BYTES + newest.readUInt32LE(24)) };
  }

  /** Writes all four copies and makes their names durable: the first write. */
  async create(payload: Uint8Array): Promise<void> {
    this.#sequence++;
    for (let copy = 0; copy < COPIES; copy++) await this.#writeCopy(copy, payload);
    await this.#fileSystem.syncDirectory(this.#directory);
  }

  /** Durable when it resolves. Calls must not overlap. */
  async write(payload: Uint8Array): Promise<void> {
    this.#sequence++;
    const first = (this.#sequence % 2) * 2;
    await this.#writeCopy(first, payload);
    await this.#writeCopy(first + 1, payload);
  }

  async #readCopy(copy: number): Promise<Buffer | undefined> {
    try {
      const handle = await this.#fileSystem.open(this.path(copy), "read");
      try {
        return await handle.read(PAGE_BYTES, 0);
      } finally {
        await handle.close();
      }
    } catch (error) {
      if (systemErrorCode(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  async #writeCopy(copy: number, payload: Uint8Array): Promise<void> {
    const page = encodePage(payload, this.#sequence, this.#format);
    const path = this.path(copy);
    const made = !(await this.#fileSystem.exists(path));
    const handle = await this.#fileSystem.open(path, made ? "create" : "read-write");
    try {
      await handle.writev([page], 0);
      await handle.datasync();
    } finally {
      await handle.close();
    }
    if (made) await this.#fileSystem.syncDirectory(this.#directory);
  }

  #refuseNewer(page: Buffer, copy: number): void {
    const leastReader = page.readUInt16LE(14);
    if (leastReader <= this.#format) return;
    throw new DataDirectoryError(
      this.path(copy),
      `written by format ${String(page.readUInt16LE(12))}, which needs a reader of format ${String(leastReader)} or newer; this program reads up to ${String(this.#format)}`,
      "Start the newer version again: a data folder is never downgraded",
    );
  }
}

/** For callers to whom damaged copies are fatal. */
export function superblockDamaged(path: string, advice: string): CorruptionError {
  return new CorruptionError(path, 0, "none of the four superblock copies is whole", advice);
}

function encodePage(payload: Uint8Array, sequence: number, format: number): Buffer {
  if (payload.length > PAGE_BYTES - HEADER_BYTES) throw new RangeError("superblock payload too long");
  const page = Buffer.alloc(PAGE_BYTES);
  MAGIC.copy(page, 0);
  page.writeUInt16LE(format, 12);
  page.writeUInt16LE(format, 14);
  page.writeUInt32LE(sequence >>> 0, 16);
  page.writeUInt32LE(Math.floor(sequence / 0x1_0000_0000), 20);
  page.writeUInt32LE(payload.length, 24);
  page.set(payload, HEADER_BYTES);
  page.writeUInt32LE(checksum(page, 0, 12), 8);
  return page;
}

function isWhole(page: Buffer): boolean {
  if (page.length !== PAGE_BYTES || !MAGIC.equals(page.subarray(0, 8))) return false;
  return page.readUInt32LE(8) === checksum(page, 0, 12) && page.readUInt32LE(24) <= PAGE_BYTES - HEADER_BYTES;
}

function sequenceOf(page: Buffer): number {
  return page.readUInt32LE(16) + page.readUInt32LE(20) * 0x1_0000_0000;
}
