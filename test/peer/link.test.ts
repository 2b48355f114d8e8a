import { describe, expect, test } from "@jest/globals";
import type { Timer, Timers } from "../../src/base/index.js";
import { create } from "@bufbuild/protobuf";
import { PeerFrameSchema } from "../../src/gen/marconi/v1/peers_pb.js";
import { peerLimits } from "../../src/peer/limits.js";
import { PeerLink, type PeerStream } from "../../src/peer/link.js";
import { EncodedFrame } from "../../src/rpc/index.js";

/** A stream whose writes finish when the test says so. */
class SlowStream {
  readonly written: Buffer[] = [];
  readonly finish: (() => void)[] = [];
  readonly lasts: unknown[] = [];
  ended = 0;

  write(frame: unknown, done?: () => void): boolean {
    if (frame instanceof EncodedFrame) this.written.push(frame.bytes);
    else this.lasts.push(frame);
    if (done !== undefined) this.finish.push(done);
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

  describe("that ends with a last frame", () => {
    const last = create(PeerFrameSchema, { hello: { refusal: "no" } });

    /** A stream that was dialled, and the one timer that may run. */
    function dialled() {
      const calls: string[] = [];
      const status: (() => void)[] = [];
      let linger: { delayMs: number; callback: () => void } | undefined;
      const stream = {
        write: (frame: unknown) => calls.push(frame === last ? "write" : "?"),
        end: () => calls.push("end"),
        cancel: () => calls.push("cancel"),
        once: (_: "status", listener: () => void) => status.push(listener),
        removeListener: (_: "status", listener: () => void) => status.splice(status.indexOf(listener), 1),
      };
      const timers = {
        after: (delayMs: number, callback: () => void): Timer => {
          linger = { delayMs, callback };
          return { cancel: () => (linger = undefined) };
        },
      } as unknown as Timers;
      const link = new PeerLink(stream as unknown as PeerStream);
      link.closeAfter(last, timers, () => calls.push("closed"));
      return { calls, link, answer: () => status[0]?.(), linger: () => linger };
    }

    test("waits for the other side to end it, and takes nothing meanwhile", () => {
      const { calls, link, answer, linger } = dialled();
      expect([calls, link.write(Buffer.alloc(1))]).toEqual([["write", "end"], false]);
      expect(linger()?.delayMs).toBe(peerLimits.lingerMs);
      answer();
      expect([calls, linger()]).toEqual([["write", "end", "cancel", "closed"], undefined]);
    });

    test("is cut off when it takes too long, or at once when it is closed", () => {
      const late = dialled();
      late.linger()?.callback();
      late.answer();
      expect(late.calls).toEqual(["write", "end", "cancel", "closed"]);
      const closed = dialled();
      closed.link.close();
      expect([closed.calls, closed.linger()]).toEqual([["write", "end", "cancel"], undefined]);
      closed.answer();
      expect(closed.calls).toEqual(["write", "end", "cancel", "closed"]);
    });

    test("needs no wait where it came in: the end of the call follows what was written", () => {
      const { stream, link } = linked();
      let closed = 0;
      const timers = {} as Timers;
      link.closeAfter(last, timers, () => closed++);
      link.closeAfter(last, timers, () => closed++);
      link.close();
      expect([stream.ended, stream.lasts, closed]).toEqual([1, [last], 1]);
    });
  });
});
