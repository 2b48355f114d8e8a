import { assert } from "../base/index.js";
import { capacityFor, Chunk, slotState } from "./chunk.js";
import { chunkAgeMsMax } from "./limits.js";
import type { PartitionState } from "./partition-state.js";
import type { MessageChunk, QueueState } from "./queue-state.js";
import { track } from "./tracking.js";

const none: readonly MessageChunk[] = [];

export function chunksOf(queue: QueueState): readonly MessageChunk[] {
  return queue.chunks ?? none;
}

/** The position of the first chunk that took `sequence` or a later one; the number of chunks when there is none. */
export function chunkPosition(queue: QueueState, sequence: number): number {
  const chunks = chunksOf(queue);
  let low = 0;
  let high = chunks.length;
  // Most look at the head.
  if (high > 0 && sequence < (chunks[0] as MessageChunk).endSequence) return 0;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((chunks[middle] as MessageChunk).endSequence <= sequence) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The chunk that took `sequence`; the message may be gone. */
export function chunkWith(queue: QueueState, sequence: number): MessageChunk | undefined {
  const chunk = chunksOf(queue)[chunkPosition(queue, sequence)];
  return chunk === undefined || sequence < chunk.firstSequence ? undefined : chunk;
}

/** The chunk that takes the next message of `bodyBytes`, posted now: the last one, or a new one when that is full or old. */
export function chunkForAppend(
  state: PartitionState,
  queue: QueueState,
  bodyBytes: number,
  expectedMessages: number,
): MessageChunk {
  const sequence = queue.nextSequence;
  const last = chunksOf(queue).at(-1);
  if (last?.endSequence === sequence && chunkTakes(state, last, bodyBytes)) return last;
  last?.seal();
  const chunk: MessageChunk = new Chunk(queue, sequence, state.timeMs, ...capacityAfter(state, last, expectedMessages));
  if (queue.chunks === undefined) queue.chunks = [chunk];
  else queue.chunks.push(chunk);
  return chunk;
}

/**
 * Slots and body bytes that a new chunk begins with: behind one that is still mostly alive as much as that, since the queue
 * is growing and every doubling on the way would be garbage; else little.
 */
function capacityAfter(
  state: PartitionState,
  last: MessageChunk | undefined,
  expectedMessages: number,
): readonly [slots: number, bodyBytes: number] {
  const most = state.limits.chunkMessagesMax;
  if (last !== undefined && last.live * 2 > last.span)
    return [Math.min(capacityFor(last.span), most), last.bodies.length];
  return [Math.min(capacityFor(expectedMessages), most), 0];
}

export function chunkTakes(state: PartitionState, chunk: MessageChunk, bodyBytes: number): boolean {
  return (
    chunk.span < state.limits.chunkMessagesMax &&
    (chunk.appendedBytes === 0 || chunk.appendedBytes + bodyBytes <= state.limits.chunkBodyBytesMax) &&
    state.timeMs - chunk.baseMs < chunkAgeMsMax
  );
}

/** After messages were appended: their deadline may be the chunk's first or earliest. */
export function scheduleChunk(state: PartitionState, chunk: MessageChunk): void {
  if (chunk.heapPosition === -1) state.chunkTimers.add(chunk);
  else state.chunkTimers.moved(chunk);
}

/**
 * Marks a message gone and counts it out, with its claim if it has one untouched. The chunk must have been touched before,
 * and `settleChunk` must follow before anything else looks at the queue.
 */
export function removeSlot(state: PartitionState, chunk: MessageChunk, slot: number): void {
  const queue = chunk.queue;
  if (chunk.stateAt(slot) === slotState.claimed) {
    queue.claimed--;
    state.claimedMessages--;
  }
  queue.total--;
  state.messages--;
  state.bodyBytes -= chunk.bodyBytesAt(slot);
  chunk.markGone(slot);
}

/** After removals: drops the chunk when nothing is left, squeezes it when little is. True when it was dropped. */
export function settleChunk(state: PartitionState, chunk: MessageChunk): boolean {
  if (chunk.live === 0) {
    dropChunk(state, chunk);
    return true;
  }
  if (isSparse(state, chunk)) {
    state.chunkChanges.touch(chunk, track.dirtyBodies);
    chunk.squeeze();
  }
  return false;
}

function isSparse(state: PartitionState, chunk: MessageChunk): boolean {
  const { squeezeSlotsMin, squeezeFactor } = state.limits;
  return chunk.used >= squeezeSlotsMin && chunk.live * squeezeFactor <= chunk.used;
}

/** Removes a chunk with whatever it still holds, in one step. None of its messages may be claimed. */
export function dropChunk(state: PartitionState, chunk: MessageChunk): void {
  const position = chunkPosition(chunk.queue, chunk.firstSequence);
  assert(chunksOf(chunk.queue)[position] === chunk, "a chunk belongs to its queue");
  dropChunks(state, chunk.queue, position, 1);
}

/** Removes `count` chunks from `position` on, as `dropChunk` does, moving those behind them once. */
export function dropChunks(state: PartitionState, queue: QueueState, position: number, count: number): void {
  const chunks = queue.chunks;
  assert(chunks !== undefined && count >= 1 && position + count <= chunks.length, "chunks belong to their queue");
  if (position + count === chunks.length) {
    state.queueChanges.touch(queue);
    queue.sequenceFloor = queue.nextSequence;
  }
  for (let i = position; i < position + count; i++) forgetChunk(state, chunks[i] as MessageChunk);
  if (count === chunks.length) queue.chunks = undefined;
  else if (position === 0 && count === 1) chunks.shift();
  else chunks.splice(position, count);
}

/** Counts a chunk out of everything but its queue's list. */
export function forgetChunk(state: PartitionState, chunk: MessageChunk): void {
  assert(chunk.live === chunk.available, "claims of a dropped chunk are released first");
  chunk.queue.total -= chunk.live;
  state.messages -= chunk.live;
  state.bodyBytes -= chunk.liveBytes;
  state.chunkTimers.remove(chunk);
  state.chunkChanges.drop(chunk);
}
