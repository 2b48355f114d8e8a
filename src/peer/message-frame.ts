import type { ByteWriter } from "../base/index.js";
import { PeerFrameSchema } from "../gen/marconi/v1/peers_pb.js";
import type { Message } from "../raft/index.js";
import { FrameWriter } from "../rpc/index.js";
import { HeartbeatBlock } from "./heartbeat-block.js";
import { writeMessage } from "./message-codec.js";

/**
 * Gathers messages for one peer into a PeerFrame, encoded in place, heartbeats and replies to them as blocks. Those come last: what
 * an append or its acknowledgement in the same frame tells is known by then.
 */
export class MessageFrame {
  readonly #frame = new FrameWriter(4_096);
  readonly #heartbeats = new HeartbeatBlock("heartbeat");
  readonly #replies = new HeartbeatBlock("heartbeat-reply");
  #messages: ByteWriter | undefined;

  /** Bytes gathered; 0 when there is nothing to send. */
  get length(): number {
    const beats = this.#heartbeats.length + this.#replies.length;
    return this.#messages === undefined ? beats : this.#frame.length + beats;
  }

  add(group: number, message: Message): void {
    if (message.type === "heartbeat") this.#heartbeats.add(group, message);
    else if (message.type === "heartbeat-reply") this.#replies.add(group, message);
    else writeMessage(this.#open(), group, message);
  }

  #open(): ByteWriter {
    this.#messages ??= this.#frame.beginBytes(PeerFrameSchema.field.messages.number);
    return this.#messages;
  }

  /** The encoded frame; the next one starts empty. */
  take(): Buffer {
    this.#heartbeats.moveTo(this.#open());
    this.#replies.moveTo(this.#open());
    this.#messages = undefined;
    this.#frame.endBytes();
    return this.#frame.take();
  }
}
