import { type ByteReader, ByteWriter, DecodeError } from "../base/index.js";
import type { Heartbeat, HeartbeatReply } from "../raft/index.js";

/** What most replicas say most of the time. */
export type Beat = Heartbeat | HeartbeatReply;

/** A block begins like any other message: how many rows follow, in the place of the group, and its type. Never reuse a number. */
const codes = { heartbeat: 9, "heartbeat-reply": 10 } as const;

const GROUP_MAX = 0xffff_ffff;

/**
 * Heartbeats of many groups to one peer, or the replies to them, as one block: rows of varints, each with the difference to the
 * group before it, from, to, term, (for heartbeats) commit, and context. An idle group of a node with hundreds costs six to ten
 * bytes each way, and nothing is left out: a row is the whole message.
 */
export class HeartbeatBlock {
  readonly #type: Beat["type"];
  readonly #rows = new ByteWriter(1_024);
  #count = 0;
  #group = 0;

  constructor(type: Beat["type"]) {
    this.#type = type;
  }

  /** Bytes of the rows; 0 when there are none. */
  get length(): number {
    return this.#rows.length;
  }

  /** `message` must be of the type of this block. */
  add(group: number, message: Beat): void {
    const { from, to, term, context } = message;
    const step = group - this.#group;
    this.#rows.varint(step < 0 ? -2 * step - 1 : 2 * step);
    this.#rows.varint(from);
    this.#rows.varint(to);
    this.#rows.varint(term);
    if (message.type === "heartbeat") this.#rows.varint(message.commit);
    this.#rows.varint(context);
    this.#group = group;
    this.#count++;
  }

  /** Appends the block, if there are rows, and starts over. */
  moveTo(out: ByteWriter): void {
    if (this.#count === 0) return;
    out.u32(this.#count);
    out.u8(codes[this.#type]);
    out.raw(this.#rows.view());
    this.#rows.reset();
    this.#count = 0;
    this.#group = 0;
  }
}

/** The type of the block that begins with `code`; undefined when it is no block's. */
export function blockType(code: number): Beat["type"] | undefined {
  if (code === codes.heartbeat) return "heartbeat";
  return code === codes["heartbeat-reply"] ? "heartbeat-reply" : undefined;
}

/** Hands the `count` rows of a block to `take`, in order. Throws DecodeError on anything that HeartbeatBlock does not write. */
export function readBlock(
  input: ByteReader,
  type: Beat["type"],
  count: number,
  take: (group: number, message: Beat) => void,
): void {
  let group = 0;
  for (let row = 0; row < count; row++) {
    const step = input.varint();
    group += step % 2 === 0 ? step / 2 : -(step + 1) / 2;
    if (group < 0 || group > GROUP_MAX) throw new DecodeError(`group ${String(group)}`);
    const from = input.varint();
    const to = input.varint();
    const term = input.varint();
    if (type === "heartbeat") take(group, { type, from, to, term, commit: input.varint(), context: input.varint() });
    else take(group, { type, from, to, term, context: input.varint() });
  }
}
