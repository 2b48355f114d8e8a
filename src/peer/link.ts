import type { ClientDuplexStream, ServerDuplexStream } from "@grpc/grpc-js";
import type { Timer, Timers } from "../base/index.js";
import type { PeerFrame } from "../gen/marconi/v1/peers_pb.js";
import { EncodedFrame } from "../rpc/index.js";
import { peerLimits } from "./limits.js";

export type PeerStream = ClientDuplexStream<PeerFrame, PeerFrame> | ServerDuplexStream<PeerFrame, PeerFrame>;

/** One direction-agnostic stream to a peer with a bound on what waits in it. */
export class PeerLink {
  readonly stream: PeerStream;
  #bufferedBytes = 0;
  #ending = false;
  #closed = false;
  #linger: Timer | undefined;

  constructor(stream: PeerStream) {
    this.stream = stream;
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  /** False when the frame, an encoded PeerFrame, was dropped because too much waits already or the stream is over. */
  write(frame: Buffer): boolean {
    if (this.#ending || this.#bufferedBytes + frame.length > peerLimits.bufferedBytesMax) return false;
    this.#bufferedBytes += frame.length;
    this.stream.write(new EncodedFrame(frame) as unknown as PeerFrame, () => {
      this.#bufferedBytes -= frame.length;
    });
    return true;
  }

  /** Closes at once; what waits may be lost. */
  close(): void {
    if (this.#closed) return;
    this.#ending = true;
    this.#closed = true;
    this.#linger?.cancel();
    if ("cancel" in this.stream) this.stream.cancel();
    else this.stream.end();
  }

  /**
   * Writes one frame more and closes when it is delivered, or after `lingerMs`; then calls `closed`, once. A cancelled call
   * takes back what the other side has not read yet, so the dialling side only says that it is done and lets the other end it.
   */
  closeAfter(frame: PeerFrame, timers: Timers, closed: () => void): void {
    if (this.#ending) return;
    this.#ending = true;
    const { stream } = this;
    stream.write(frame);
    stream.end();
    if (!("cancel" in stream)) {
      this.#closed = true;
      closed();
      return;
    }
    const over = (): void => {
      stream.removeListener("status", over);
      this.close();
      closed();
    };
    this.#linger = timers.after(peerLimits.lingerMs, over);
    stream.once("status", over);
  }
}
