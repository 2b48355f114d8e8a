import { ByteReader, ByteWriter, DecodeError } from "../base/index.js";
import type { RowCodec } from "./change-set.js";
import { capacityFor, Chunk, slotState } from "./chunk.js";
import { Claim } from "./claims.js";
import { Outcome, Session } from "./dedupe.js";
import { QueueState } from "./queue-state.js";
import type { MessageChunk } from "./queue-state.js";
import { bodiesKey, chunkKey, claimKey, keyNumbers, queueKey, sessionKey } from "./row-keys.js";
import { track } from "./tracking.js";
import type { CheckpointRow } from "./types.js";

/** `address bytes32 | sequenceFloor u64 | hasMetadata u8 [| metadata]`. */
export const queueRows: RowCodec<QueueState> = {
  encode(queue, _bodies, rows) {
    const out = new ByteWriter(64 + queue.address.length + (queue.metadata?.length ?? 0));
    out.bytes32(Buffer.from(queue.address, "latin1"));
    out.u64(queue.sequenceFloor);
    out.u8(queue.metadata === undefined ? 0 : 1);
    if (queue.metadata !== undefined) out.raw(queue.metadata);
    rows.push({ key: queueKey(queue.incarnation), value: out.take() });
  },
  keys(queue, keys) {
    keys.push(queueKey(queue.incarnation));
  },
};

export function decodeQueue(row: CheckpointRow): QueueState {
  const [incarnation] = keyNumbers(row.key, 1) as [number];
  const reader = new ByteReader(row.value);
  const queue = new QueueState(reader.bytes32().toString("latin1"), incarnation);
  queue.sequenceFloor = reader.u64();
  if (reader.u8() !== 0) queue.metadata = new Uint8Array(reader.raw(reader.remaining));
  reader.finish();
  return queue;
}

/**
 * The index: `baseMs u64 | span u32 | appendedBytes u32 | deadlineMs f64 | clients u16 | client 16 * | live u32 |` and per
 * message alive `sequence offset u16 | client u16 | posted offset u32 | ttlSec u32 | expiryMs u64 | body offset u32 | body
 * bytes u32`. Which messages are claimed stands in the rows of claims, so that claiming rewrites no index. The bodies row is
 * the arena as it is, without a copy.
 */
export const chunkRows: RowCodec<MessageChunk> = {
  prepare(chunk, bodies) {
    if (bodies && chunk.live < chunk.used && (chunk.tracking & track.dropped) === 0) chunk.squeeze();
  },
  encode(chunk, bodies, rows) {
    const { incarnation } = chunk.queue;
    rows.push({ key: chunkKey(incarnation, chunk.firstSequence), value: encodeIndex(chunk) });
    if (bodies) rows.push({ key: bodiesKey(incarnation, chunk.firstSequence), value: chunk.bodies.contents() });
  },
  keys(chunk, keys) {
    keys.push(chunkKey(chunk.queue.incarnation, chunk.firstSequence));
    keys.push(bodiesKey(chunk.queue.incarnation, chunk.firstSequence));
  },
};

const MESSAGE_BYTES = 28;

function encodeIndex(chunk: MessageChunk): Uint8Array {
  const out = new ByteWriter(32 + 16 * chunk.clientCount + MESSAGE_BYTES * chunk.live);
  out.u64(chunk.baseMs);
  out.u32(chunk.span);
  out.u32(chunk.appendedBytes);
  out.f64(chunk.deadlineMs);
  out.u16(chunk.clientCount);
  for (let client = 0; client < chunk.clientCount; client++) {
    for (let word = 0; word < 4; word++) out.u32(chunk.clientWordAt(client, word));
  }
  out.u32(chunk.live);
  for (let slot = 0; slot < chunk.used; slot++) {
    if (chunk.stateAt(slot) === slotState.gone) continue;
    out.u16(chunk.sequenceAt(slot) - chunk.firstSequence);
    out.u16(chunk.clientAt(slot));
    out.u32(chunk.postedMsAt(slot) - chunk.baseMs);
    out.u32(chunk.ttlSecAt(slot));
    out.u64(chunk.expiryMsAt(slot));
    out.u32(chunk.bodyOffsetAt(slot));
    out.u32(chunk.bodyBytesAt(slot));
  }
  return out.take();
}

/** A chunk without its bodies, which come in a later row. */
export function decodeChunk(queue: QueueState, firstSequence: number, value: Uint8Array): MessageChunk {
  const reader = new ByteReader(value);
  const baseMs = reader.u64();
  const span = reader.u32();
  const appendedBytes = reader.u32();
  const deadlineMs = reader.f64();
  const clients = reader.raw(16 * reader.u16());
  const live = reader.u32();
  const chunk: MessageChunk = new Chunk(queue, firstSequence, baseMs, capacityFor(live));
  chunk.restoreClients(clients);
  for (let i = 0; i < live; i++) {
    const sequence = firstSequence + reader.u16();
    const client = reader.u16();
    const postedMs = baseMs + reader.u32();
    const ttlSec = reader.u32();
    const expiryMs = reader.u64();
    chunk.append(sequence, client, postedMs, ttlSec, expiryMs, reader.u32(), reader.u32());
  }
  reader.finish();
  if (chunk.span > span || live === 0) throw new DecodeError("a chunk's messages do not fit into it");
  chunk.span = span;
  chunk.appendedBytes = appendedBytes;
  chunk.deadlineMs = deadlineMs;
  return chunk;
}

/** `incarnation u64 | ttlSec u32 | deadlineMs u64 | count u32 | sequence u64 *`. */
export const claimRows: RowCodec<Claim> = {
  encode(claim, _bodies, rows) {
    const out = new ByteWriter(24 + 8 * claim.sequences.length);
    out.u64(claim.queue.incarnation);
    out.u32(claim.ttlSec);
    out.u64(claim.deadlineMs);
    out.u32(claim.sequences.length);
    for (const sequence of claim.sequences) out.u64(sequence);
    rows.push({ key: claimKey(claim.index, claim.ordinal), value: out.take() });
  },
  keys(claim, keys) {
    keys.push(claimKey(claim.index, claim.ordinal));
  },
};

export function decodeClaim(row: CheckpointRow, queueOf: (incarnation: number) => QueueState): Claim {
  const [index, ordinal] = keyNumbers(row.key, 2) as [number, number];
  const reader = new ByteReader(row.value);
  const queue = queueOf(reader.u64());
  const ttlSec = reader.u32();
  const claim = new Claim(index, ordinal, queue, ttlSec, reader.u64());
  for (let left = reader.u32(); left > 0; left--) claim.sequences.push(reader.u64());
  reader.finish();
  return claim;
}

/** `lowWater u64 | lastUsedMs u64 | (offset u32 | kind u8 | a u64 | b u64 | c u32)*`, results by their offset above the mark. */
export function sessionRows(exists: (id: number) => boolean): RowCodec<Session> {
  return {
    encode(session, _bodies, rows) {
      const out = new ByteWriter(256);
      const outcome = new Outcome();
      out.u64(session.lowWater);
      out.u64(session.lastUsedMs);
      let sequence = session.nextRemembered(session.lowWater);
      for (; sequence >= 0; sequence = session.nextRemembered(sequence + 1)) {
        session.recall(sequence, outcome);
        out.u32(sequence - session.lowWater);
        out.u8(outcome.kind);
        out.u64(outcome.a);
        out.u64(outcome.b);
        out.u32(outcome.c);
      }
      rows.push({ key: sessionKey(session.id), value: out.take() });
    },
    keys(session, keys) {
      keys.push(sessionKey(session.id));
    },
    revived(key) {
      return exists(keyNumbers(key, 1)[0] as number);
    },
  };
}

export function decodeSession(row: CheckpointRow, windowMax: number): Session {
  const [id] = keyNumbers(row.key, 1) as [number];
  const reader = new ByteReader(row.value);
  const outcome = new Outcome();
  const lowWater = reader.u64();
  const session = new Session(id, reader.u64());
  session.advance(lowWater);
  while (reader.remaining > 0) {
    const sequence = lowWater + reader.u32();
    outcome.set(reader.u8(), reader.u64(), reader.u64(), reader.u32());
    session.remember(sequence, outcome, windowMax);
  }
  if (session.lowWater !== lowWater) throw new DecodeError("a session remembers more than its window");
  return session;
}
