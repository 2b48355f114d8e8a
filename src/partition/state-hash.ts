import { ByteWriter, crc32c } from "../base/index.js";
import { slotState } from "./chunk.js";
import { Outcome } from "./dedupe.js";
import { chunksOf } from "./message-index.js";
import type { PartitionState } from "./partition-state.js";
import type { MessageChunk, QueueState } from "./queue-state.js";

const FOLD_BYTES = 65_536;

/** CRC32C over everything that decides the future of a partition, in canonical order; not over how it lies in memory. */
export function hashState(state: PartitionState): number {
  const hash = new Hash();
  hash.out.u64(state.appliedIndex);
  hash.out.u64(state.timeMs);
  hash.out.u64(state.incarnations);
  const queues = [...state.queues.all()].sort((a, b) => a.incarnation - b.incarnation);
  for (const queue of queues) hashQueue(state, queue, hash);
  for (const claim of state.claims.all()) {
    hash.out.u64(claim.index);
    hash.out.u32(claim.ordinal);
    hash.out.u64(claim.queue.incarnation);
    hash.out.u32(claim.ttlSec);
    hash.out.u64(claim.deadlineMs);
    for (const sequence of claim.sequences) hash.out.u64(sequence);
    hash.fold();
  }
  hashSessions(state, hash);
  return hash.finish();
}

function hashQueue(state: PartitionState, queue: QueueState, hash: Hash): void {
  hash.out.u64(queue.incarnation);
  hash.out.bytes32(Buffer.from(queue.address, "latin1"));
  hash.out.bytes32(queue.metadata ?? new Uint8Array(0));
  hash.out.u64(queue.nextSequence);
  hash.out.u64(queue.total);
  hash.out.u64(queue.claimed);
  for (const chunk of chunksOf(queue)) hashChunk(state, chunk, hash);
  hash.fold();
}

function hashChunk(state: PartitionState, chunk: MessageChunk, hash: Hash): void {
  const { out } = hash;
  out.u64(chunk.firstSequence);
  out.u64(chunk.baseMs);
  out.u32(chunk.span);
  out.u32(chunk.appendedBytes);
  out.f64(chunk.deadlineMs);
  for (let slot = 0; slot < chunk.used; slot++) {
    const slotNow = chunk.stateAt(slot);
    if (slotNow === slotState.gone) continue;
    out.u64(chunk.sequenceAt(slot));
    out.u64(chunk.postedMsAt(slot));
    out.u32(chunk.ttlSecAt(slot));
    out.u64(chunk.expiryMsAt(slot));
    for (let word = 0; word < 4; word++) out.u32(chunk.clientWordAt(chunk.clientAt(slot), word));
    out.u8(slotNow);
    if (slotNow === slotState.claimed) {
      const claim = state.claims.byHandle(chunk.claimAt(slot));
      out.u64(claim.index);
      out.u32(claim.ordinal);
    }
    out.bytes32(chunk.bodyAt(slot));
    hash.fold();
  }
}

function hashSessions(state: PartitionState, hash: Hash): void {
  const outcome = new Outcome();
  for (const session of state.sessions.all()) {
    hash.out.u64(session.id);
    hash.out.u64(session.lowWater);
    hash.out.u64(session.lastUsedMs);
    let sequence = session.nextRemembered(session.lowWater);
    for (; sequence >= 0; sequence = session.nextRemembered(sequence + 1)) {
      session.recall(sequence, outcome);
      hash.out.u64(sequence);
      hash.out.u8(outcome.kind);
      hash.out.u64(outcome.a);
      hash.out.u64(outcome.b);
      hash.out.u32(outcome.c);
    }
    hash.fold();
  }
}

/** Gathers fields and folds them into one CRC when enough are there. */
class Hash {
  readonly out = new ByteWriter(FOLD_BYTES * 2);
  #crc = 0;

  fold(): void {
    if (this.out.length >= FOLD_BYTES) this.finish();
  }

  finish(): number {
    this.#crc = crc32c(this.out.view(), this.#crc);
    this.out.reset();
    return this.#crc;
  }
}
