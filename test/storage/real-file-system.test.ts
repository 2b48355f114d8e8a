import { describe, expect, test } from "@jest/globals";
import { type RawHandle, RealFileHandle } from "../../src/storage/real-file-system.js";

/** A handle of the operating system that takes and gives at most `piece` bytes a call. */
class ShortHandle {
  content = Buffer.alloc(0);
  calls = 0;
  readonly #piece: number;

  constructor(piece: number) {
    this.#piece = piece;
  }

  writev(buffers: readonly Uint8Array[], position: number): Promise<{ bytesWritten: number }> {
    this.calls++;
    const part = Buffer.concat(buffers).subarray(0, this.#piece);
    const end = position + part.length;
    if (end > this.content.length)
      this.content = Buffer.concat([this.content, Buffer.alloc(end - this.content.length)]);
    this.content.set(part, position);
    return Promise.resolve({ bytesWritten: part.length });
  }

  read(buffer: Buffer, offset: number, length: number, position: number): Promise<{ bytesRead: number }> {
    const part = this.content.subarray(position, position + Math.min(length, this.#piece));
    part.copy(buffer, offset);
    return Promise.resolve({ bytesRead: part.length });
  }
}

function over(raw: ShortHandle): RealFileHandle {
  return new RealFileHandle(raw as unknown as RawHandle);
}

describe("short writes and reads of the kernel", () => {
  test.each([1, 2, 3, 5, 100])("%i bytes at a time are completed", async (piece) => {
    const raw = new ShortHandle(piece);
    const handle = over(raw);
    await handle.writev([Buffer.from("ab"), Buffer.from("cdef"), Buffer.from("g")], 2);
    expect(raw.content.toString()).toBe("\0\0abcdefg");
    expect(raw.calls).toBe(Math.ceil(7 / piece));
    expect((await handle.read(100, 2)).toString()).toBe("abcdefg");
    expect((await handle.read(3, 3)).toString()).toBe("bcd");
  });

  test("a write that makes no progress is an error, not a loop", async () => {
    await expect(over(new ShortHandle(0)).writev([Buffer.from("a")], 0)).rejects.toMatchObject({ code: "EIO" });
  });

  test("nothing to write is no call", async () => {
    const raw = new ShortHandle(1);
    await over(raw).writev([], 0);
    expect(raw.calls).toBe(0);
  });
});
