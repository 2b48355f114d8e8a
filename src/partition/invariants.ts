import { assert } from "../base/index.js";
import { slotState } from "./chunk.js";
import type { Claim } from "./claims.js";
import type { QueueMachine } from "./machine.js";
import { chunksOf } from "./message-index.js";
import type { PartitionState } from "./partition-state.js";
import type { MessageChunk, QueueState } from "./queue-state.js";

/** What a machine's counters must add up to, gathered from its contents. */
interface Sums {
  messages: number;
  claimed: number;
  bodyBytes: number;
  chunks: number;
}

/** Throws AssertionError unless the counters equal the contents and every structure is in order. Linear; for tests and audits. */
export function checkInvariants(machine: QueueMachine): void {
  const { state } = machine;
  const sums: Sums = { messages: 0, claimed: 0, bodyBytes: 0, chunks: 0 };
  for (const queue of state.queues.all()) checkQueue(state, queue, sums);
  assert(state.messages === sums.messages, "messages are counted");
  assert(state.claimedMessages === sums.claimed, "claimed messages are counted");
  assert(state.bodyBytes === sums.bodyBytes, "body bytes are counted");
  assert(state.chunkTimers.size === sums.chunks, "every chunk has a timer, and no other");
  const claims = state.claims.all();
  assert(claims.length === state.claims.size && claims.length === state.claimTimers.size, "claims are counted");
  let held = 0;
  for (const claim of claims) held += checkClaim(state, claim);
  assert(held === sums.claimed, "every claimed message is held by one claim");
  assert(state.sessions.size <= state.limits.sessionsMax, "sessions are bounded");
}

function checkQueue(state: PartitionState, queue: QueueState, sums: Sums): void {
  assert(state.queues.get(queue.address) === queue, "a queue is found by its address");
  assert(queue.incarnation <= state.incarnations, "incarnations are counted");
  assert(queue.chunks === undefined || queue.chunks.length > 0, "a queue without messages holds nothing");
  let total = 0;
  let claimed = 0;
  let end = 1;
  for (const chunk of chunksOf(queue)) {
    assert(chunk.queue === queue && chunk.firstSequence >= end, "chunks ascend");
    end = chunk.endSequence;
    checkChunk(state, chunk);
    total += chunk.live;
    claimed += chunk.live - chunk.available;
    sums.bodyBytes += chunk.liveBytes;
    sums.chunks++;
  }
  assert(queue.nextSequence >= end, "sequences are not given twice");
  assert(queue.total === total && queue.claimed === claimed, "a queue counts its messages");
  sums.messages += total;
  sums.claimed += claimed;
}

function checkChunk(state: PartitionState, chunk: MessageChunk): void {
  let [live, available, bytes] = [0, 0, 0];
  let before = -1;
  for (let slot = 0; slot < chunk.used; slot++) {
    const sequence = chunk.sequenceAt(slot);
    assert(sequence > before && sequence < chunk.endSequence, "slots ascend");
    before = sequence;
    if (chunk.stateAt(slot) === slotState.gone) continue;
    live++;
    bytes += chunk.bodyBytesAt(slot);
    const expiryMs = chunk.expiryMsAt(slot);
    assert(expiryMs >= chunk.deadlineMs && expiryMs <= chunk.latestMs, "a chunk bounds the lives of its messages");
    assert(chunk.slotOf(sequence) === slot, "a message is found by its sequence");
    if (chunk.stateAt(slot) !== slotState.available) continue;
    available++;
    assert(sequence >= chunk.queue.availableFrom, "nothing available lies before the mark");
  }
  assert(chunk.live === live && live > 0, "a chunk counts its messages and has some");
  assert(chunk.available === available && chunk.liveBytes === bytes, "a chunk counts its messages");
  assert(chunk.clientCount >= 1, "a chunk knows who posted");
  assert(state.chunkTimers.has(chunk), "a chunk has a timer");
}

function checkClaim(state: PartitionState, claim: Claim): number {
  assert(state.claims.get(claim.index, claim.ordinal) === claim, "a claim is found by its id");
  assert(state.queues.get(claim.queue.address) === claim.queue, "a claim's queue exists");
  assert(claim.sequences.length > 0 && state.claimTimers.has(claim), "a claim holds something, for a time");
  let before = 0;
  for (const sequence of claim.sequences) {
    assert(sequence > before, "a claim lists its messages in order");
    before = sequence;
    const chunk = chunksOf(claim.queue).find((one) => one.slotOf(sequence) >= 0);
    assert(chunk !== undefined, "a claim's messages exist");
    const slot = chunk.slotOf(sequence);
    assert(
      chunk.stateAt(slot) === slotState.claimed && chunk.claimAt(slot) === claim.handle,
      "a message names its claim",
    );
    assert(chunk.expiryMsAt(slot) >= claim.deadlineMs, "a message outlives its claim");
  }
  return claim.sequences.length;
}
