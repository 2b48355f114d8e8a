import type { ClientDuplexStream, ServerDuplexStream } from "@grpc/grpc-js";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type PeerFrame, PeerFrameSchema } from "../gen/marconi/v1/peers_pb.js";
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

  /** False when the frame was dropped because too much waits already or the stream is over. */
  write(frame: MessageInitShape<typeof PeerFrameSchema>, bytes: number): boolean {
    if (this.#closed || this.#bufferedBytes + bytes > peerLimits.bufferedBytesMax) return false;
    this.#bufferedBytes += bytes;
    this.stream.write(create(PeerFrameSchema, frame), () => {
      this.#bufferedBytes -= bytes;
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
