import type { ByteWriter } from "../base/index.js";
import type { DeleteOutcome } from "../contract/index.js";

/** Index of an outcome on the wire. Only ever appended to. */
export const deleteOutcomes = ["deleted", "claimed", "not-claimed", "claim-gone"] as const satisfies DeleteOutcome[];

/** Bit 0 of a stored message's flags: a live claim holds it, and its id follows. */
export const messageClaimed = 1;

/** For create-queue, set-metadata, renew-claim; and `true` for the operations that always succeed. */
export function writeFlag(out: ByteWriter, value: boolean): void {
  out.u8(value ? 1 : 0);
}

/** The result of whatever found nothing: a missing queue, nothing to claim, a claim that is gone. */
export function writeNone(out: ByteWriter): void {
  out.u8(0);
}

/** Announces that a result follows; the opposite of `writeNone`. */
export function writeSome(out: ByteWriter): void {
  out.u8(1);
}

export function writePosted(out: ByteWriter, incarnation: number, firstSequence: number, count: number): void {
  writeSome(out);
  out.u64(incarnation);
  out.u64(firstSequence);
  out.u32(count);
}

export function writeDeleteOutcome(out: ByteWriter, outcome: DeleteOutcome): void {
  out.u8(deleteOutcomes.indexOf(outcome));
}

/** Reserves the count of a list whose length is known at its end; `endList` takes what this returns. */
export function beginList(out: ByteWriter): number {
  const at = out.length;
  out.u32(0);
  return at;
}

export function endList(out: ByteWriter, at: number, count: number): void {
  out.patchU32(at, count);
}

/** Part of a stored message: `writeMessageHead`, then `out.bytes32(body)`. A negative `claimIndex` means no claim. */
export function writeMessageHead(
  out: ByteWriter,
  incarnation: number,
  sequence: number,
  ttlSec: number,
  ageSec: number,
  claimIndex: number,
  claimOrdinal: number,
): void {
  out.u64(incarnation);
  out.u64(sequence);
  out.u32(ttlSec);
  out.u32(ageSec);
  if (claimIndex < 0) {
    out.u8(0);
    return;
  }
  out.u8(messageClaimed);
  out.u64(claimIndex);
  out.u32(claimOrdinal);
}

/** One end of a queue in its stats. `writeNone` where there is none. */
export function writeMark(
  out: ByteWriter,
  incarnation: number,
  sequence: number,
  ageSec: number,
  createdMs: number,
): void {
  writeSome(out);
  out.u64(incarnation);
  out.u64(sequence);
  out.u32(ageSec);
  out.u64(createdMs);
}
