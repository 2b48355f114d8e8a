import { assert } from "../base/index.js";
import type { Claim } from "./claims.js";
import { slotState } from "./chunk.js";
import { chunkPosition, chunksOf, chunkWith } from "./message-index.js";
import type { PartitionState } from "./partition-state.js";
import type { MessageChunk, QueueState } from "./queue-state.js";

/** The claim of this id on this queue, if it is alive at `nowMs`. */
export function liveClaim(
  state: PartitionState,
  queue: QueueState,
  index: number,
  ordinal: number,
  nowMs: number,
): Claim | undefined {
  const claim = state.claims.get(index, ordinal);
  return claim?.queue === queue && claim.deadlineMs > nowMs ? claim : undefined;
}

/** The claim that holds a message at `nowMs`. */
export function claimHolding(
  state: PartitionState,
  chunk: MessageChunk,
  slot: number,
  nowMs: number,
): Claim | undefined {
  if (chunk.stateAt(slot) !== slotState.claimed) return undefined;
  const claim = state.claims.byHandle(chunk.claimAt(slot));
  return claim.deadlineMs > nowMs ? claim : undefined;
}

/** Puts a claim, which holds nothing yet, into the table and under the timer. */
export function addClaim(state: PartitionState, claim: Claim): void {
  state.claims.add(claim);
  state.claimTimers.add(claim);
}

/** Gives an available message to a claim. `stretch` must follow for its grace. */
export function holdMessage(state: PartitionState, claim: Claim, chunk: MessageChunk, slot: number): void {
  chunk.setClaimed(slot, claim.handle);
  claim.queue.claimed++;
  state.claimedMessages++;
}

/**
 * The rule of grace: a message that would expire before the claim does lives until the claim's end and `graceSec` more, and
 * its ttl reads as claim ttl + grace. One that outlives the claim is left alone.
 */
export function stretch(
  state: PartitionState,
  claim: Claim,
  chunk: MessageChunk,
  slot: number,
  graceSec: number,
): void {
  if (chunk.expiryMsAt(slot) >= claim.deadlineMs) return;
  state.chunkChanges.touch(chunk);
  chunk.extend(slot, claim.deadlineMs + graceSec * 1_000, claim.ttlSec + graceSec);
}

/** Takes a message that is about to go away from its claim; the claim vanishes with its last message. */
export function detachMessage(state: PartitionState, chunk: MessageChunk, slot: number): void {
  const claim = state.claims.byHandle(chunk.claimAt(slot));
  const at = claim.sequences.indexOf(chunk.sequenceAt(slot));
  assert(at >= 0, "a claimed message is on its claim's list");
  state.claimChanges.touch(claim);
  claim.sequences.splice(at, 1);
  if (claim.sequences.length === 0) forgetClaim(state, claim);
}

/** Release or expiry: what the claim still holds is available again, in its old position. */
export function endClaim(state: PartitionState, claim: Claim): void {
  const queue = claim.queue;
  for (const sequence of claim.sequences) {
    const chunk = chunkWith(queue, sequence);
    assert(chunk !== undefined, "a held message has a chunk");
    chunk.setAvailable(chunk.slotOf(sequence));
  }
  queue.claimed -= claim.sequences.length;
  state.claimedMessages -= claim.sequences.length;
  queue.availableFrom = Math.min(queue.availableFrom, claim.sequences[0] ?? Infinity);
  forgetClaim(state, claim);
}

/** Ends every claim on a queue, in one pass over the chunks that have claimed messages. */
export function endClaimsOf(state: PartitionState, queue: QueueState): void {
  for (let position = chunkPosition(queue, 0); position < chunksOf(queue).length; position++) {
    const chunk = chunksOf(queue)[position] as MessageChunk;
    for (let slot = 0; slot < chunk.used && chunk.available < chunk.live; slot++) {
      if (chunk.stateAt(slot) === slotState.claimed) endClaim(state, state.claims.byHandle(chunk.claimAt(slot)));
    }
  }
}

function forgetClaim(state: PartitionState, claim: Claim): void {
  state.claimTimers.remove(claim);
  state.claims.remove(claim);
  state.claimChanges.drop(claim);
}
