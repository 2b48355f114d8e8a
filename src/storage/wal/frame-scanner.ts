import type { FileHandle } from "../file-system.js";
import { PAGE_BYTES, SCAN_BYTES } from "../limits.js";
import { type Frame, peekFrameBytes, verifyFrame } from "./frame.js";
import { alignUp, FRAME_HEADER_BYTES, FRAME_MAGIC } from "./layout.js";

const NOTHING = Buffer.alloc(0);

/** Reads frames of one segment, through a window that moves forward. */
export class FrameScanner {
  readonly #handle: FileHandle;
  readonly #segmentId: number;
  readonly #seed: number;
  readonly #fileBytes: number;
  #window: Buffer = NOTHING;
  #windowStart = 0;

  constructor(handle: FileHandle, segmentId: number, seed: number, fileBytes: number) {
    this.#handle = handle;
    this.#segmentId = segmentId;
    this.#seed = seed;
    this.#fileBytes = fileBytes;
  }

  /** The verified frame at `offset`, or what is wrong there. Its bytes alias the window: they stay valid, but hold on to it. */
  async frameAt(offset: number): Promise<Frame | string> {
    const size = peekFrameBytes(await this.#bytesAt(offset, FRAME_HEADER_BYTES));
    if (size === undefined) return "no frame";
    if (size > this.#fileBytes - offset) return "frame length beyond the end of the file";
    const bytes = await this.#bytesAt(offset, size);
    if (bytes.length < size) return "file is shorter than its size";
    const header = verifyFrame(bytes, this.#seed);
    return typeof header === "string" ? header : { header, bytes, segmentId: this.#segmentId, offset };
  }

  /** The first whole frame at or after `offset`, on any page boundary, that `accept` takes. */
  async search(offset: number, accept: (frame: Frame) => boolean): Promise<Frame | undefined> {
    for (let at = alignUp(offset, PAGE_BYTES); at < this.#fileBytes; at += PAGE_BYTES) {
      const magic = await this.#bytesAt(at, 4);
      if (magic.length < 4 || magic.readUInt32LE(0) !== FRAME_MAGIC) continue;
      const frame = await this.frameAt(at);
      if (typeof frame !== "string" && accept(frame)) return frame;
    }
    return undefined;
  }

  /** `count` bytes at `offset`; fewer at the end of the file. */
  async #bytesAt(offset: number, count: number): Promise<Buffer> {
    const start = offset - this.#windowStart;
    if (start < 0 || start + count > this.#window.length) {
      this.#window = await this.#handle.read(Math.max(SCAN_BYTES, count), offset);
      this.#windowStart = offset;
      return this.#window.subarray(0, count);
    }
    return this.#window.subarray(start, start + count);
  }
}
