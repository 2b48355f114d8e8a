import { ByteReader, ByteWriter, DecodeError } from "../base/index.js";

/**
 * Row keys begin with a kind, and kinds sort in the order in which a loader wants them: a queue before its chunks, these
 * before their bodies and before the claims on them.
 */
export const rowKind = { root: 1, queue: 2, chunk: 3, bodies: 4, claim: 5, session: 6 } as const;

const U32 = 0x1_0000_0000;
const U16 = 0x1_0000;

export function rootKey(): Uint8Array {
  return Uint8Array.of(rowKind.root);
}

export function queueKey(incarnation: number): Uint8Array {
  return keyOf(rowKind.queue, incarnation);
}

export function chunkKey(incarnation: number, firstSequence: number): Uint8Array {
  return keyOf(rowKind.chunk, incarnation, firstSequence);
}

export function bodiesKey(incarnation: number, firstSequence: number): Uint8Array {
  return keyOf(rowKind.bodies, incarnation, firstSequence);
}

export function claimKey(index: number, ordinal: number): Uint8Array {
  return keyOf(rowKind.claim, index, ordinal);
}

export function sessionKey(id: number): Uint8Array {
  return keyOf(rowKind.session, id);
}

/** The numbers of a key, as many as its kind has. Throws DecodeError for other sizes. */
export function keyNumbers(key: Uint8Array, count: number): number[] {
  const reader = new ByteReader(key, 1);
  const numbers: number[] = [];
  for (let i = 0; i < count; i++) {
    const value = reader.raw(8);
    numbers.push(value.readUInt32BE(0) * U32 + value.readUInt32BE(4));
  }
  if (numbers.some((value) => !Number.isSafeInteger(value))) throw new DecodeError("a row key beyond 2^53");
  reader.finish();
  return numbers;
}

/** Numbers as eight bytes, big endian, so that keys sort by them. */
function keyOf(kind: number, ...numbers: number[]): Uint8Array {
  const out = new ByteWriter(1 + 8 * numbers.length);
  out.u8(kind);
  for (const value of numbers) {
    const high = Math.floor(value / U32);
    for (const half of [high, value >>> 0]) {
      out.u8(half >>> 24);
      out.u8((half / U16) & 0xff);
      out.u8((half >>> 8) & 0xff);
      out.u8(half & 0xff);
    }
  }
  return out.take();
}
