import type { ByteWriter } from "../base/index.js";
import { PeerFrameSchema } from "../gen/marconi/v1/peers_pb.js";
import type { Message } from "../raft/index.js";
import { FrameWriter } from "../rpc/index.js";
import { writeMessage } from "./message-codec.js";

/** Gathers messages for one peer into a PeerFrame, encoded in place. */
export class MessageFrame {
  readonly #frame = new FrameWriter(4_096);
  #messages: ByteWriter | undefined;

  /** Bytes gathered; 0 when there is nothing to send. */
  get length(): number {
    return this.#messages === undefined ? 0 : this.#frame.length;
  }

  add(group: number, message: Message): void {
    this.#messages ??= this.#frame.beginBytes(PeerFrameSchema.field.messages.number);
    writeMessage(this.#messages, group, message);
  }

  /** The encoded frame; the next one starts empty. */
  take(): Buffer {
    this.#messages = undefined;
    this.#frame.endBytes();
    return this.#frame.take();
  }
}
