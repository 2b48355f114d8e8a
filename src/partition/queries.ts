import type { ByteWriter } from "../base/index.js";
import {
  addressOf,
  beginList,
  decodeQuery,
  endList,
  keyOfText,
  type Query,
  queueOfAddress,
  textOfKey,
  writeMark,
  writeNone,
  writeSome,
} from "../command/index.js";
import { claimHolding, liveClaim } from "./claim-lifecycle.js";
import { clientWord, slotState } from "./chunk.js";
import { isWhollyExpired } from "./expiry.js";
import { chunkPosition, chunksOf } from "./message-index.js";
import { ageSec, writeMessage, writeMessageOf } from "./message-writer.js";
import type { PartitionState } from "./partition-state.js";
import type { MessageChunk, QueueState } from "./queue-state.js";

const emptyMetadata = Buffer.from("{}");

/**
 * Answers an encoded query as of `nowMs`, which is not before log time, without changing anything. Throws DecodeError for
 * bytes that are no query.
 */
export function answerQuery(state: PartitionState, request: Uint8Array, nowMs: number, out: ByteWriter): void {
  const query = decodeQuery(request);
  if (query.op === "list-queues") {
    listQueues(state, query, out);
    return;
  }
  const queue = state.queues.get(addressOf(query.project, query.queue));
  switch (query.op) {
    case "get-queue":
      if (queue === undefined) writeNone(out);
      else writeMetadata(queue, out);
      break;
    case "queue-stats":
      if (queue === undefined) writeNone(out);
      else queueStats(queue, nowMs, out);
      break;
    case "list-messages":
      listMessages(state, queue, query, nowMs, out);
      break;
    case "get-messages":
      getMessages(state, queue, query, nowMs, out);
      break;
    case "get-claim":
      getClaim(state, queue, query, nowMs, out);
      break;
  }
}

function writeMetadata(queue: QueueState, out: ByteWriter): void {
  writeSome(out);
  out.bytes32(queue.metadata ?? emptyMetadata);
}

function listQueues(state: PartitionState, query: Query & { op: "list-queues" }, out: ByteWriter): void {
  const page = state.queues.list(keyOfText(query.project), keyOfText(query.marker), query.limit);
  const at = beginList(out);
  for (const queue of page) {
    out.text16(textOfKey(queueOfAddress(queue.address)));
    if (query.detailed) writeMetadata(queue, out);
    else writeNone(out);
  }
  endList(out, at, page.length);
}

/** Counters as of the last sweep; the ends as of now. */
function queueStats(queue: QueueState, nowMs: number, out: ByteWriter): void {
  const oldest = firstAlive(queue, nowMs, 1);
  writeSome(out);
  out.u64(oldest === undefined ? 0 : queue.total);
  out.u64(oldest === undefined ? 0 : queue.claimed);
  for (const mark of [oldest, firstAlive(queue, nowMs, -1)]) {
    if (mark === undefined) {
      writeNone(out);
      continue;
    }
    const postedMs = mark.chunk.postedMsAt(mark.slot);
    const sequence = mark.chunk.sequenceAt(mark.slot);
    writeMark(out, queue.incarnation, sequence, ageSec(postedMs, nowMs), postedMs);
  }
}

/** The first message from either end that is alive at `nowMs`. */
function firstAlive(
  queue: QueueState,
  nowMs: number,
  step: 1 | -1,
): { readonly chunk: MessageChunk; readonly slot: number } | undefined {
  const chunks = chunksOf(queue);
  for (let position = step > 0 ? 0 : chunks.length - 1; ; position += step) {
    const chunk = chunks[position];
    if (chunk === undefined) return undefined;
    if (isWhollyExpired(chunk, nowMs)) continue;
    for (let slot = step > 0 ? 0 : chunk.used - 1; slot >= 0 && slot < chunk.used; slot += step) {
      if (chunk.stateAt(slot) !== slotState.gone && chunk.expiryMsAt(slot) > nowMs) return { chunk, slot };
    }
  }
}

function listMessages(
  state: PartitionState,
  queue: QueueState | undefined,
  query: Query & { op: "list-messages" },
  nowMs: number,
  out: ByteWriter,
): void {
  if (queue === undefined) {
    writeNone(out);
    endList(out, beginList(out), 0);
    return;
  }
  writeSome(out);
  // The marker stands before the messages that decide it: two halves of a u64, patched when they are known.
  const markerAt = out.length;
  out.u64(0);
  const countAt = beginList(out);
  let marker = query.afterSequence;
  let count = 0;
  const skipsClaimed = !query.includeClaimed && state.claimTimers.nextDeadlineMs > nowMs;
  const chunks = chunksOf(queue);
  let position = chunkPosition(queue, query.afterSequence + 1);
  for (; position < chunks.length && count < query.limit; position++) {
    const chunk = chunks[position] as MessageChunk;
    if ((skipsClaimed && chunk.available === 0) || isWhollyExpired(chunk, nowMs)) continue;
    const echo = new EchoFilter(chunk, query.withoutClient);
    if (echo.hidesAll) continue;
    for (let slot = chunk.lowerBound(query.afterSequence + 1); slot < chunk.used && count < query.limit; slot++) {
      if (chunk.stateAt(slot) === slotState.gone || chunk.expiryMsAt(slot) <= nowMs || echo.hides(slot)) continue;
      if (!query.includeClaimed && claimHolding(state, chunk, slot, nowMs) !== undefined) continue;
      writeMessage(state, chunk, slot, nowMs, out);
      marker = chunk.sequenceAt(slot);
      count++;
    }
  }
  out.patchU32(markerAt, marker >>> 0);
  out.patchU32(markerAt + 4, Math.floor(marker / 0x1_0000_0000));
  endList(out, countAt, count);
}

/** Leaves out what one client posted: whole chunks where nobody else posted. */
class EchoFilter {
  readonly hidesAll: boolean;
  readonly #chunk: MessageChunk;
  readonly #words: readonly number[] | undefined;

  constructor(chunk: MessageChunk, client: Uint8Array | undefined) {
    this.#chunk = chunk;
    this.#words = client === undefined ? undefined : [0, 4, 8, 12].map((at) => clientWord(client, at));
    this.hidesAll = chunk.clientCount === 1 && this.#isClient(0);
  }

  hides(slot: number): boolean {
    return this.#words !== undefined && this.#isClient(this.#chunk.clientAt(slot));
  }

  #isClient(client: number): boolean {
    const words = this.#words;
    if (words === undefined) return false;
    for (let word = 0; word < 4; word++) if (this.#chunk.clientWordAt(client, word) !== words[word]) return false;
    return true;
  }
}

function getMessages(
  state: PartitionState,
  queue: QueueState | undefined,
  query: Query & { op: "get-messages" },
  nowMs: number,
  out: ByteWriter,
): void {
  const at = beginList(out);
  let count = 0;
  for (const id of query.ids) {
    if (queue?.incarnation === id.incarnation && writeMessageOf(state, queue, id.sequence, nowMs, out)) count++;
  }
  endList(out, at, count);
}

function getClaim(
  state: PartitionState,
  queue: QueueState | undefined,
  query: Query & { op: "get-claim" },
  nowMs: number,
  out: ByteWriter,
): void {
  const claim = queue && liveClaim(state, queue, query.claim.index, query.claim.ordinal, nowMs);
  if (claim === undefined) {
    writeNone(out);
    return;
  }
  writeSome(out);
  out.u32(claim.ttlSec);
  // A renewal makes the claim young again.
  out.u32(ageSec(claim.deadlineMs - claim.ttlSec * 1_000, nowMs));
  const at = beginList(out);
  let count = 0;
  for (const sequence of claim.sequences) {
    if (writeMessageOf(state, claim.queue, sequence, nowMs, out)) count++;
  }
  endList(out, at, count);
}
