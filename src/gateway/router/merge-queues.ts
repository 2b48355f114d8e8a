import type { QueueEntry } from "../../contract/index.js";

/** The first `limit` of all entries, by name in byte order. Each partition's list is in that order and no name is in two. */
export function mergeQueues(lists: readonly (readonly QueueEntry[])[], limit: number): QueueEntry[] {
  return lists
    .flat()
    .sort((a, b) => compareByteOrder(a.name, b.name))
    .slice(0, limit);
}

/**
 * The order of two texts' UTF-8 bytes. It is that of their UTF-16 units except where a surrogate meets a unit above all
 * surrogates: what surrogates stand for lies beyond all of those.
 */
export function compareByteOrder(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const unitOfA = a.charCodeAt(i);
    const unitOfB = b.charCodeAt(i);
    if (unitOfA !== unitOfB) return rank(unitOfA) - rank(unitOfB);
  }
  return a.length - b.length;
}

function rank(unit: number): number {
  const isSurrogate = unit >= 0xd800 && unit <= 0xdfff;
  return isSurrogate ? unit + 0x1_0000 : unit;
}
