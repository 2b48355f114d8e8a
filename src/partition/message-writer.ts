import type { ByteWriter } from "../base/index.js";
import { writeMessageHead } from "../command/index.js";
import { claimHolding } from "./claim-lifecycle.js";
import { chunkWith } from "./message-index.js";
import type { PartitionState } from "./partition-state.js";
import type { MessageChunk, QueueState } from "./queue-state.js";

/** Whole seconds from `fromMs` to `nowMs`. */
export function ageSec(fromMs: number, nowMs: number): number {
  return Math.floor((nowMs - fromMs) / 1_000);
}

/** Writes a message as a client sees it at `nowMs`. */
export function writeMessage(
  state: PartitionState,
  chunk: MessageChunk,
  slot: number,
  nowMs: number,
  out: ByteWriter,
): void {
  const claim = claimHolding(state, chunk, slot, nowMs);
  writeMessageHead(
    out,
    chunk.queue.incarnation,
    chunk.sequenceAt(slot),
    chunk.ttlSecAt(slot),
    ageSec(chunk.postedMsAt(slot), nowMs),
    claim === undefined ? -1 : claim.index,
    claim === undefined ? 0 : claim.ordinal,
  );
  out.bytes32(chunk.bodyAt(slot));
}

/** Writes the message of this sequence if it exists at `nowMs`; says whether it did. */
export function writeMessageOf(
  state: PartitionState,
  queue: QueueState,
  sequence: number,
  nowMs: number,
  out: ByteWriter,
): boolean {
  const chunk = chunkWith(queue, sequence);
  if (chunk === undefined) return false;
  const slot = chunk.slotOf(sequence);
  if (slot < 0 || chunk.expiryMsAt(slot) <= nowMs) return false;
  writeMessage(state, chunk, slot, nowMs, out);
  return true;
}
