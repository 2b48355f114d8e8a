import { asError } from "../errors.js";
import type { Superblock } from "../superblock.js";
import { readU64, writeU64 } from "./layout.js";

/** The newest frame and segment that were durable when the superblock was written: damage at or below them is never a torn tail. */
export interface DurableMark {
  readonly sequence: number;
  readonly segmentId: number;
}

export function encodeMark(mark: DurableMark): Buffer {
  const payload = Buffer.alloc(16);
  writeU64(payload, 0, mark.sequence);
  writeU64(payload, 8, mark.segmentId);
  return payload;
}

/** Undefined when no copy of the superblock is whole. */
export async function readMark(superblock: Superblock): Promise<DurableMark | undefined> {
  const content = await superblock.read();
  if (content.state !== "valid") return undefined;
  return { sequence: readU64(content.payload, 0), segmentId: readU64(content.payload, 8) };
}

/** Writes marks into the superblock, one write at a time. */
export class DurableMarker {
  readonly #superblock: Superblock;
  readonly #onError: (error: Error) => void;
  #wanted: DurableMark | undefined;
  #writing: Promise<void> | undefined;

  constructor(superblock: Superblock, onError: (error: Error) => void) {
    this.#superblock = superblock;
    this.#onError = onError;
  }

  /** In the background; only the newest of several waiting marks is written. */
  mark(mark: DurableMark): void {
    this.#wanted = mark;
    this.#writing ??= this.#run();
  }

  /** Resolves when everything marked so far is on disk, or was reported as failed. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  async #run(): Promise<void> {
    try {
      for (let mark = this.#wanted; mark !== undefined; mark = this.#wanted) {
        this.#wanted = undefined;
        await this.#superblock.write(encodeMark(mark));
      }
    } catch (error) {
      this.#onError(asError(error));
    }
    this.#writing = undefined;
  }
}
