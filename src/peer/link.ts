import type { ClientDuplexStream, ServerDuplexStream } from "@grpc/grpc-js";
import type { PeerFrame } from "../gen/marconi/v1/peers_pb.js";
import { EncodedFrame } from "../rpc/index.js";
import { peerLimits } from "./limits.js";

export type PeerStream = ClientDuplexStream<PeerFrame, PeerFrame> | ServerDuplexStream<PeerFrame, PeerFrame>;

/** One direction-agnostic stream to a peer with a bound on what waits in it. */
export class PeerLink {
  readonly stream: PeerStream;
  #bufferedBytes = 0;
  #closed = false;

  constructor(stream: PeerStream) {
    this.stream = stream;
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  /** False when the frame, an encoded PeerFrame, was dropped because too much waits already or the stream is over. */
  write(frame: Buffer): boolean {
    if (this.#closed || this.#bufferedBytes + frame.length > peerLimits.bufferedBytesMax) return false;
    this.#bufferedBytes += frame.length;
    this.stream.write(new EncodedFrame(frame) as unknown as PeerFrame, () => {
      this.#bufferedBytes -= frame.length;
    });
    return true;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if ("cancel" in this.stream) this.stream.cancel();
    else this.stream.end();
  }
}
