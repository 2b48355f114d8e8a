import { assert, type ByteReader } from "../base/index.js";
import { clientIdBytes, messageHeaderBytes } from "../command/index.js";
import type { DeleteOutcome } from "../contract/index.js";
import { claimHolding, detachMessage, liveClaim } from "./claim-lifecycle.js";
import { slotState } from "./chunk.js";
import { type Outcome, outcomeKind } from "./dedupe.js";
import { chunkForAppend, chunkTakes, chunkWith, removeSlot, scheduleChunk, settleChunk } from "./message-index.js";
import type { PartitionState } from "./partition-state.js";
import type { MessageChunk, QueueState } from "./queue-state.js";
import { track } from "./tracking.js";

const BODY_LENGTH_AT = 4;

/** Reads `clientId 16 | count u32 | batchLength u32 | batch` and appends the batch to the queue. */
export function applyPost(
  state: PartitionState,
  queue: QueueState | undefined,
  reader: ByteReader,
  bytes: Buffer,
  outcome: Outcome,
): void {
  const clientAt = reader.position;
  reader.skip(clientIdBytes);
  const count = reader.u32();
  const batchBytes = reader.u32();
  const start = reader.position;
  reader.skip(batchBytes);
  if (queue === undefined) {
    outcome.flag(false);
    return;
  }
  const firstSequence = queue.nextSequence;
  let at = start;
  for (let left = count; left > 0;) {
    assert(at + messageHeaderBytes <= start + batchBytes, "a batch is shorter than its count");
    const chunk = chunkForAppend(state, queue, bytes.readUInt32LE(at + BODY_LENGTH_AT), left);
    const before = chunk.live;
    at = appendRun(state, chunk, bytes, at, start + batchBytes, left, chunk.internClient(bytes, clientAt));
    left -= chunk.live - before;
  }
  assert(at === start + batchBytes, "a batch is longer than its count");
  queue.total += count;
  state.messages += count;
  state.totals.posted += count;
  outcome.set(outcomeKind.posted, queue.incarnation, firstSequence, count);
}

/** Appends up to `count` messages from `start` on, as many as the chunk takes, and returns where the rest begins. */
function appendRun(
  state: PartitionState,
  chunk: MessageChunk,
  bytes: Buffer,
  start: number,
  end: number,
  count: number,
  client: number,
): number {
  const nowMs = state.timeMs;
  state.chunkChanges.touch(chunk, track.dirtyBodies);
  const deadlineMs = chunk.deadlineMs;
  const { bodies } = chunk;
  const liveBytes = chunk.liveBytes;
  let sequence = chunk.endSequence;
  let at = start;
  for (let left = count; left > 0; left--) {
    assert(at + messageHeaderBytes <= end, "a batch is shorter than its count");
    const ttlSec = bytes.readUInt32LE(at);
    const bodyBytes = bytes.readUInt32LE(at + BODY_LENGTH_AT);
    const next = at + messageHeaderBytes + bodyBytes;
    assert(next <= end, "a body reaches beyond its batch");
    if (!chunkTakes(state, chunk, bodyBytes)) break;
    const bodyAt = bodies.append(bytes, next - bodyBytes, next);
    chunk.append(sequence++, client, nowMs, ttlSec, nowMs + ttlSec * 1_000, bodyAt, bodyBytes);
    at = next;
  }
  state.bodyBytes += chunk.liveBytes - liveBytes;
  if (chunk.deadlineMs !== deadlineMs || chunk.heapPosition === -1) scheduleChunk(state, chunk);
  return at;
}

/** Reads `incarnation u64 | sequence u64 | named u8 [| index u64 | ordinal u32]` and deletes the message if that is allowed. */
export function applyDeleteMessage(
  state: PartitionState,
  queue: QueueState | undefined,
  reader: ByteReader,
  outcome: Outcome,
): void {
  const incarnation = reader.u64();
  const sequence = reader.u64();
  const named = reader.u8() !== 0;
  const index = named ? reader.u64() : 0;
  const ordinal = named ? reader.u32() : 0;
  const chunk = messageChunk(state, queue, incarnation, sequence);
  if (queue === undefined || chunk === undefined) {
    outcome.deletion("deleted");
    return;
  }
  const slot = chunk.slotOf(sequence);
  const holder = claimHolding(state, chunk, slot, state.timeMs);
  let answer: DeleteOutcome;
  if (named) {
    const claim = liveClaim(state, queue, index, ordinal, state.timeMs);
    if (claim === undefined) answer = "claim-gone";
    else if (holder === undefined) answer = "not-claimed";
    else answer = holder === claim ? "deleted" : "claimed";
  } else {
    answer = holder === undefined ? "deleted" : "claimed";
  }
  if (answer === "deleted") deleteSlot(state, chunk, slot);
  outcome.deletion(answer);
}

/** Reads `count u16 | (incarnation u64 | sequence u64)*` and deletes those that exist, claimed or not. */
export function applyDeleteMessages(
  state: PartitionState,
  queue: QueueState | undefined,
  reader: ByteReader,
  outcome: Outcome,
): void {
  for (let left = reader.u16(); left > 0; left--) {
    const incarnation = reader.u64();
    const sequence = reader.u64();
    const chunk = messageChunk(state, queue, incarnation, sequence);
    if (chunk !== undefined) deleteSlot(state, chunk, chunk.slotOf(sequence));
  }
  outcome.flag(true);
}

/** The chunk of a message that exists at log time. */
function messageChunk(
  state: PartitionState,
  queue: QueueState | undefined,
  incarnation: number,
  sequence: number,
): MessageChunk | undefined {
  if (queue?.incarnation !== incarnation) return undefined;
  const chunk = chunkWith(queue, sequence);
  if (chunk === undefined) return undefined;
  const slot = chunk.slotOf(sequence);
  return slot < 0 || chunk.expiryMsAt(slot) <= state.timeMs ? undefined : chunk;
}

function deleteSlot(state: PartitionState, chunk: MessageChunk, slot: number): void {
  state.chunkChanges.touch(chunk);
  if (chunk.stateAt(slot) === slotState.claimed) detachMessage(state, chunk, slot);
  removeSlot(state, chunk, slot);
  settleChunk(state, chunk);
  state.totals.deleted++;
}
