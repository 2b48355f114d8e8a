import type { ByteWriter } from "../base/index.js";
import {
  beginList,
  endList,
  writeDeleteOutcome,
  writeFlag,
  writeNone,
  writePosted,
  writeSome,
} from "../command/index.js";
import { type Outcome, outcomeKind } from "./dedupe.js";
import { writeMessageOf } from "./message-writer.js";
import type { PartitionState } from "./partition-state.js";

/**
 * Writes the result of a command from what is remembered of it: the same road for the first answer and for a repeat. A claim
 * is answered with the messages that it still holds, and with nothing once it is over.
 */
export function writeOutcome(state: PartitionState, outcome: Outcome, out: ByteWriter): void {
  switch (outcome.kind) {
    case outcomeKind.deletion:
      writeDeleteOutcome(out, outcome.deleteOutcome);
      break;
    case outcomeKind.posted:
      writePosted(out, outcome.a, outcome.b, outcome.c);
      break;
    case outcomeKind.claimed:
      writeClaim(state, outcome.a, outcome.c, out);
      break;
    default:
      writeFlag(out, outcome.c === 1);
  }
}

function writeClaim(state: PartitionState, index: number, ordinal: number, out: ByteWriter): void {
  const claim = state.claims.get(index, ordinal);
  if (claim === undefined || claim.deadlineMs <= state.timeMs) {
    writeNone(out);
    return;
  }
  writeSome(out);
  out.u64(index);
  out.u32(ordinal);
  const at = beginList(out);
  let count = 0;
  for (const sequence of claim.sequences) {
    if (writeMessageOf(state, claim.queue, sequence, state.timeMs, out)) count++;
  }
  endList(out, at, count);
}
