import { assert, ByteReader, ByteWriter } from "../base/index.js";
import type { MessageBatch } from "../contract/index.js";
import { commandLimits } from "./limits.js";

/** `ttlSec u32 | bodyLength u32`, before each body. */
export const messageHeaderBytes = 8;

/** Gathers new messages into the encoding that log, follower, store and snapshot then share: `ttlSec u32 | bodyLength u32 | body`. */
export class MessageBatchWriter {
  readonly #out: ByteWriter;
  #count = 0;

  constructor(initialBytes = 1_024) {
    this.#out = new ByteWriter(initialBytes);
  }

  get count(): number {
    return this.#count;
  }

  /** Copies `body`, the JSON text of one message. `ttlSec`: 1 to `commandLimits.secondsMax`. */
  add(ttlSec: number, body: Uint8Array): void {
    assert(ttlSec >= 1 && ttlSec <= commandLimits.secondsMax, "ttl out of range");
    this.#out.u32(ttlSec);
    this.#out.bytes32(body);
    this.#count++;
  }

  /** Hands the batch over and starts an empty one. */
  finish(): MessageBatch {
    const batch = { count: this.#count, bytes: this.#out.take() };
    this.#count = 0;
    return batch;
  }
}

/** One message of a batch; `body` aliases the batch. */
export interface NewMessage {
  readonly ttlSec: number;
  readonly body: Uint8Array;
}

/** The messages of a batch, in order. Throws DecodeError when count and bytes disagree. */
export function readMessageBatch(batch: MessageBatch): NewMessage[] {
  const reader = new ByteReader(batch.bytes);
  const messages: NewMessage[] = [];
  for (let i = 0; i < batch.count; i++) messages.push({ ttlSec: reader.u32(), body: reader.bytes32() });
  reader.finish();
  return messages;
}
