import { detachMessage, endClaim } from "./claim-lifecycle.js";
import { slotState } from "./chunk.js";
import { chunksOf, dropChunk, dropChunks, removeSlot, settleChunk } from "./message-index.js";
import type { PartitionState } from "./partition-state.js";
import type { MessageChunk, QueueState } from "./queue-state.js";

/**
 * Ends every claim and removes every message that is due at the state's log time, up to a bound of work; the rest stays due,
 * and reads decide by the clock, not by this sweep. Claims come first: what they held is then free or due itself.
 */
export function expireDue(state: PartitionState): void {
  const nowMs = state.timeMs;
  for (let left = state.limits.sweptClaimsMax; left > 0 && state.claimTimers.nextDeadlineMs <= nowMs; left--) {
    const claim = state.claimTimers.first;
    if (claim !== undefined) endClaim(state, claim);
  }
  for (let left = state.limits.sweptChunksMax; left > 0 && state.chunkTimers.nextDeadlineMs <= nowMs; left--) {
    const chunk = state.chunkTimers.first;
    if (chunk !== undefined) sweepChunk(state, chunk);
  }
  for (const session of state.sessions.idle(nowMs)) {
    state.sessions.remove(session);
    state.sessionChanges.drop(session);
  }
}

/** Whether all messages of a chunk are expired and can go in one step. */
export function isWhollyExpired(chunk: MessageChunk, nowMs: number): boolean {
  return chunk.latestMs <= nowMs && chunk.available === chunk.live;
}

/** Drops the chunk at `position` and those right behind it for as long as they are wholly expired; at least one is. */
export function expireRun(state: PartitionState, queue: QueueState, position: number): void {
  const chunks = chunksOf(queue);
  let end = position;
  for (let chunk = chunks[end]; chunk !== undefined && isWhollyExpired(chunk, state.timeMs); chunk = chunks[++end]) {
    state.totals.expired += chunk.live;
  }
  dropChunks(state, queue, position, end - position);
}

function sweepChunk(state: PartitionState, chunk: MessageChunk): void {
  const nowMs = state.timeMs;
  if (isWhollyExpired(chunk, nowMs)) {
    state.totals.expired += chunk.live;
    dropChunk(state, chunk);
    return;
  }
  state.chunkChanges.touch(chunk);
  let deadlineMs = Infinity;
  for (let slot = 0; slot < chunk.used; slot++) {
    if (chunk.stateAt(slot) === slotState.gone) continue;
    const expiryMs = chunk.expiryMsAt(slot);
    if (expiryMs <= nowMs) expireSlot(state, chunk, slot);
    else if (expiryMs < deadlineMs) deadlineMs = expiryMs;
  }
  if (settleChunk(state, chunk)) return;
  chunk.deadlineMs = deadlineMs;
  state.chunkTimers.moved(chunk);
}

/** A message of a touched chunk goes because its time is over. A claim on it is over too: it never outlives what it holds. */
export function expireSlot(state: PartitionState, chunk: MessageChunk, slot: number): void {
  if (chunk.stateAt(slot) === slotState.claimed) detachMessage(state, chunk, slot);
  removeSlot(state, chunk, slot);
  state.totals.expired++;
}
