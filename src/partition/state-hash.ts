import { crc32c } from "../base/index.js";
import { slotState } from "./chunk.js";
import { Outcome } from "./dedupe.js";
import { chunksOf } from "./message-index.js";
import type { PartitionState } from "./partition-state.js";
import type { MessageChunk, QueueState } from "./queue-state.js";

/**
 * A 32-bit hash over everything that decides the future of a partition, in canonical order; not over how it lies in memory. To be
 * compared between replicas that run the same version: it is stored nowhere.
 */
export function hashState(state: PartitionState): number {
  const hash = new Hash();
  hash.number(state.appliedIndex);
  hash.number(state.timeMs);
  hash.number(state.incarnations);
  const queues = [...state.queues.all()].sort((a, b) => a.incarnation - b.incarnation);
  for (const queue of queues) hashQueue(state, queue, hash);
  for (const claim of state.claims.all()) {
    hash.number(claim.index);
    hash.word(claim.ordinal);
    hash.number(claim.queue.incarnation);
    hash.word(claim.ttlSec);
    hash.number(claim.deadlineMs);
    hash.word(claim.sequences.length);
    for (const sequence of claim.sequences) hash.number(sequence);
  }
  hashSessions(state, hash);
  return hash.value;
}

function hashQueue(state: PartitionState, queue: QueueState, hash: Hash): void {
  hash.number(queue.incarnation);
  hash.bytes(Buffer.from(queue.address, "latin1"));
  hash.bytes(queue.metadata ?? new Uint8Array(0));
  hash.number(queue.nextSequence);
  hash.number(queue.total);
  hash.number(queue.claimed);
  for (const chunk of chunksOf(queue)) hashChunk(state, chunk, hash);
}

function hashChunk(state: PartitionState, chunk: MessageChunk, hash: Hash): void {
  hash.number(chunk.firstSequence);
  hash.number(chunk.baseMs);
  hash.word(chunk.span);
  hash.word(chunk.appendedBytes);
  hash.number(chunk.deadlineMs);
  const bodies = chunk.bodies.contents();
  for (let slot = 0; slot < chunk.used; slot++) {
    const slotNow = chunk.stateAt(slot);
    if (slotNow === slotState.gone) continue;
    hash.number(chunk.sequenceAt(slot));
    hash.number(chunk.postedMsAt(slot));
    hash.word(chunk.ttlSecAt(slot));
    hash.number(chunk.expiryMsAt(slot));
    for (let word = 0; word < 4; word++) hash.word(chunk.clientWordAt(chunk.clientAt(slot), word));
    hash.word(slotNow);
    if (slotNow === slotState.claimed) {
      const claim = state.claims.byHandle(chunk.claimAt(slot));
      hash.number(claim.index);
      hash.word(claim.ordinal);
    }
    const bodyAt = chunk.bodyOffsetAt(slot);
    hash.bytes(bodies, bodyAt, bodyAt + chunk.bodyBytesAt(slot));
  }
}

function hashSessions(state: PartitionState, hash: Hash): void {
  const outcome = new Outcome();
  for (const session of state.sessions.all()) {
    hash.number(session.id);
    hash.number(session.lowWater);
    hash.number(session.lastUsedMs);
    let sequence = session.nextRemembered(session.lowWater);
    for (; sequence >= 0; sequence = session.nextRemembered(sequence + 1)) {
      session.recall(sequence, outcome);
      hash.number(sequence);
      hash.word(outcome.kind);
      hash.number(outcome.a);
      hash.number(outcome.b);
      hash.word(outcome.c);
    }
  }
}

/** Mixes in one 32-bit word after the other, as MurmurHash3 does; runs of bytes by their CRC32C. Nothing is copied. */
class Hash {
  #hash = 0;

  get value(): number {
    let h = this.#hash;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return (h ^ (h >>> 16)) >>> 0;
  }

  word(value: number): void {
    let k = Math.imul(value, 0xcc9e2d51);
    k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
    const h = this.#hash ^ k;
    this.#hash = (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
  }

  /** An integer below 2^53, or Infinity: no deadline. */
  number(value: number): void {
    this.word(value >>> 0);
    this.word(value === Infinity ? -1 : Math.floor(value / 0x1_0000_0000));
  }

  bytes(source: Uint8Array, start = 0, end: number = source.length): void {
    this.word(end - start);
    this.word(crc32c(source, 0, start, end));
  }
}
