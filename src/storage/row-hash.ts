import { checksum, mix32 } from "./checksum.js";

/** Two 32-bit lanes: of a key's fingerprint, or of a set's hash. */
export interface Lanes {
  low: number;
  high: number;
}

/** A 64-bit fingerprint of a key. Two sums of one CRC under two seeds would differ by a constant only; hence two multipliers. */
export function fingerprint(key: Uint8Array, out: Lanes): void {
  let low = 0x9e3779b9;
  let high = 0x7f4a7c15;
  for (const byte of key) {
    low = Math.imul(low ^ byte, 0x85ebca6b);
    high = Math.imul(high ^ byte, 0x27d4eb2f);
    low ^= low >>> 15;
    high ^= high >>> 13;
  }
  out.low = mix32(low ^ key.length, high);
  out.high = mix32(high, low);
}

/**
 * Adds a row's hash to a set's hash (`sign` 1) or takes it out (-1). The set's hash is the lane-wise sum, so it does not
 * depend on the order of rows, and a row can be replaced knowing only its key and the sum of its old value.
 */
export function addRow(set: Lanes, key: Readonly<Lanes>, sum: number, sign: 1 | -1): void {
  const low = mix32(mix32(key.low, key.high), sum);
  const high = mix32(mix32(key.high ^ 0x5bd1e995, key.low), sum);
  set.low = (set.low + sign * low) >>> 0;
  set.high = (set.high + sign * high) >>> 0;
}

/** The sum stored with a value; over the key too, so that a value under another row's key is noticed. */
export function rowSum(key: Uint8Array, value: Uint8Array, valueStart: number): number {
  return checksum(value, checksum(key, 0), valueStart);
}
