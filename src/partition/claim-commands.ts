import type { ByteReader } from "../base/index.js";
import { addClaim, endClaim, holdMessage, liveClaim, stretch } from "./claim-lifecycle.js";
import { Claim } from "./claims.js";
import { slotState } from "./chunk.js";
import { type Outcome, outcomeKind } from "./dedupe.js";
import { expireRun, expireSlot, isWhollyExpired } from "./expiry.js";
import { chunkPosition, chunksOf, chunkWith, settleChunk } from "./message-index.js";
import type { PartitionState } from "./partition-state.js";
import type { MessageChunk, QueueState } from "./queue-state.js";

/** Reads `ttlSec u32 | graceSec u32 | limit u16` and claims the oldest available messages. The claim is named after its command. */
export function applyClaim(
  state: PartitionState,
  queue: QueueState | undefined,
  reader: ByteReader,
  index: number,
  ordinal: number,
  outcome: Outcome,
): void {
  const ttlSec = reader.u32();
  const graceSec = reader.u32();
  const limit = reader.u16();
  outcome.flag(false);
  if (queue === undefined) return;
  skipUnavailable(state, queue);
  if (queue.availableFrom >= queue.nextSequence || limit === 0) return;
  const claim = new Claim(index, ordinal, queue, ttlSec, state.timeMs + ttlSec * 1_000);
  addClaim(state, claim);
  state.claimChanges.touch(claim);
  takeAvailable(state, claim, graceSec, limit);
  state.totals.claimed += claim.sequences.length;
  outcome.set(outcomeKind.claimed, index, 0, ordinal);
}

/** Moves the queue's mark to its first message that can be claimed, or to its end; removes what it finds expired. */
function skipUnavailable(state: PartitionState, queue: QueueState): void {
  let position = chunkPosition(queue, queue.availableFrom);
  for (let chunk = chunksOf(queue)[position]; chunk !== undefined; chunk = chunksOf(queue)[position]) {
    if (chunk.available > 0) {
      if (isWhollyExpired(chunk, state.timeMs)) {
        expireRun(state, queue, position);
        continue;
      }
      const slot = firstAvailable(state, chunk, chunk.lowerBound(queue.availableFrom));
      const found = slot < chunk.used;
      if (found) queue.availableFrom = chunk.sequenceAt(slot);
      const dropped = settleChunk(state, chunk);
      if (found) return;
      if (dropped) continue;
    }
    position++;
  }
  queue.availableFrom = queue.nextSequence;
}

/** The first slot from `slot` on that can be claimed; expired ones on the way are removed. `used` when there is none. */
function firstAvailable(state: PartitionState, chunk: MessageChunk, from: number): number {
  for (let slot = from; slot < chunk.used; slot++) {
    if (chunk.stateAt(slot) !== slotState.available) continue;
    if (chunk.expiryMsAt(slot) > state.timeMs) return slot;
    state.chunkChanges.touch(chunk);
    expireSlot(state, chunk, slot);
  }
  return chunk.used;
}

/** Claims up to `limit` messages from the queue's mark on, which stands at one that is available. */
function takeAvailable(state: PartitionState, claim: Claim, graceSec: number, limit: number): void {
  const queue = claim.queue;
  do {
    const chunk = chunkWith(queue, queue.availableFrom) as MessageChunk;
    let slot = chunk.slotOf(queue.availableFrom);
    while (slot < chunk.used) {
      holdMessage(state, claim, chunk, slot);
      claim.sequences.push(chunk.sequenceAt(slot));
      stretch(state, claim, chunk, slot, graceSec);
      if (claim.sequences.length === limit) break;
      slot = firstAvailable(state, chunk, slot + 1);
    }
    queue.availableFrom = (claim.sequences.at(-1) as number) + 1;
    settleChunk(state, chunk);
    if (claim.sequences.length === limit) return;
    skipUnavailable(state, queue);
  } while (queue.availableFrom < queue.nextSequence);
}

/** Reads `index u64 | ordinal u32 | ttlSec u32 | graceSec u32`; the claim begins anew and the rule of grace applies again. */
export function applyRenewClaim(
  state: PartitionState,
  queue: QueueState | undefined,
  reader: ByteReader,
  outcome: Outcome,
): void {
  const claim = readLiveClaim(state, queue, reader);
  const ttlSec = reader.u32();
  const graceSec = reader.u32();
  outcome.flag(claim !== undefined);
  if (claim === undefined) return;
  state.claimChanges.touch(claim);
  claim.ttlSec = ttlSec;
  claim.deadlineMs = state.timeMs + ttlSec * 1_000;
  state.claimTimers.moved(claim);
  for (const sequence of claim.sequences) {
    const chunk = chunkWith(claim.queue, sequence) as MessageChunk;
    stretch(state, claim, chunk, chunk.slotOf(sequence), graceSec);
  }
}

/** Reads `index u64 | ordinal u32`; what the claim holds is available again. */
export function applyReleaseClaim(
  state: PartitionState,
  queue: QueueState | undefined,
  reader: ByteReader,
  outcome: Outcome,
): void {
  const claim = readLiveClaim(state, queue, reader);
  outcome.flag(true);
  if (claim !== undefined) endClaim(state, claim);
}

function readLiveClaim(state: PartitionState, queue: QueueState | undefined, reader: ByteReader): Claim | undefined {
  const index = reader.u64();
  const ordinal = reader.u32();
  return queue === undefined ? undefined : liveClaim(state, queue, index, ordinal, state.timeMs);
}
