import { assert } from "../base/index.js";

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/**
 * The home partition of a queue, 0 <= result < partitionCount: FNV-1a over the UTF-8 project, a zero byte and the UTF-8
 * queue, finished with the mixer of MurmurHash3 because FNV's low bits alone spread poorly. Fixed for ever: it decides
 * where stored queues are looked for.
 */
export function partitionOf(project: string, queue: string, partitionCount: number): number {
  assert(Number.isInteger(partitionCount) && partitionCount >= 1, "a cluster has at least one partition");
  let hash = addText(FNV_OFFSET, project);
  hash = addText(addByte(hash, 0), queue);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) % partitionCount;
}

function addText(seed: number, text: string): number {
  let hash = seed;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) return addBytes(hash, Buffer.from(text.slice(i), "utf8"));
    hash = addByte(hash, unit);
  }
  return hash;
}

function addBytes(seed: number, bytes: Uint8Array): number {
  let hash = seed;
  for (const byte of bytes) hash = addByte(hash, byte);
  return hash;
}

function addByte(hash: number, byte: number): number {
  return Math.imul(hash ^ byte, FNV_PRIME);
}
