import type { Chunk } from "./chunk.js";
import type { Tracked } from "./tracking.js";

export type MessageChunk = Chunk<QueueState>;

/**
 * A queue: its metadata and its messages in order. Kept small, since most of the hundreds of thousands are empty: an empty
 * queue holds no chunk. Everything about single messages is in `message-index.ts`.
 */
export class QueueState implements Tracked {
  /** Project and name, as `readAddress` reads them. */
  readonly address: string;
  readonly incarnation: number;
  /** JSON text of an object; undefined stands for `{}`. */
  metadata: Uint8Array | undefined = undefined;
  /** Ascending. Chunks whose messages are all gone are dropped. Empty is undefined: an array costs more than the queue. */
  chunks: MessageChunk[] | undefined = undefined;
  /** Messages alive, but for those that expired and are not swept yet; and how many of them are claimed. */
  total = 0;
  claimed = 0;
  /** No available message has a smaller sequence: where a claim begins to look. */
  availableFrom = 1;
  /** Sequences below are taken. Only raised when the last chunk is dropped; until then that chunk knows better. */
  sequenceFloor = 1;
  tracking = 0;
  changePosition = -1;

  constructor(address: string, incarnation: number) {
    this.address = address;
    this.incarnation = incarnation;
  }

  /** The sequence of the next message that is posted. */
  get nextSequence(): number {
    const last = this.chunks?.at(-1);
    return last === undefined ? this.sequenceFloor : Math.max(this.sequenceFloor, last.endSequence);
  }
}
