import { describe, expect, test } from "@jest/globals";
import { peerLimits } from "../../src/peer/limits.js";
import { PeerLink, type PeerStream } from "../../src/peer/link.js";
import { EncodedFrame } from "../../src/rpc/index.js";

/** A stream whose writes finish when the test says so. */
class SlowStream {
  readonly written: Buffer[] = [];
  readonly finish: (() => void)[] = [];
  ended = 0;

  write(frame: unknown, done: () => void): boolean {
    this.written.push((frame as EncodedFrame).bytes);
    this.finish.push(done);
    return true;
  }

  end(): void {
    this.ended++;
  }
}

function linked(): { stream: SlowStream; link: PeerLink } {
  const stream = new SlowStream();
  return { stream, link: new PeerLink(stream as unknown as PeerStream) };
}

describe("a stream to a peer", () => {
  test("what waits in it is bounded: frames beyond are dropped, until it flows again", () => {
    const { stream, link } = linked();
    const half = Buffer.alloc(peerLimits.bufferedBytesMax / 2);
    expect([link.write(half), link.write(half), link.write(Buffer.alloc(1))]).toEqual([true, true, false]);
    expect(link.bufferedBytes).toBe(peerLimits.bufferedBytesMax);
    stream.finish[0]?.();
    expect(link.write(Buffer.alloc(1))).toBe(true);
    expect(stream.written).toHaveLength(3);
  });

  test("is closed once, and takes nothing afterwards", () => {
    const { stream, link } = linked();
    link.close();
    link.close();
    expect(stream.ended).toBe(1);
    expect(link.write(Buffer.alloc(1))).toBe(false);
  });

  test("one that was dialled is cancelled: the other side need not agree", () => {
    let cancelled = 0;
    const stream = { cancel: () => cancelled++, end: () => undefined };
    new PeerLink(stream as unknown as PeerStream).close();
    expect(cancelled).toBe(1);
  });
});
