import { AssertionError } from "./assert.js";

/** A source of randomness that is passed in, so that a seed repeats a run. */
export interface Rng {
  /** A uniform integer in [0, 2^32). */
  nextU32(): number;
  /** A uniform integer in [min, max), max > min, max - min <= 2^32. */
  between(min: number, max: number): number;
  /** A uniform float in [0, 1). */
  fraction(): number;
}

/** xoshiro128** 1.1 (Blackman and Vigna), seeded through splitmix32. Fast, seedable, not for secrets. */
export class Xoshiro128 implements Rng {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(seed: number) {
    let state = seed | 0;
    const mix = (): number => {
      state = (state + 0x9e3779b9) | 0;
      let z = state;
      z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
      return (z ^ (z >>> 16)) | 0;
    };
    this.#a = mix();
    this.#b = mix();
    this.#c = mix();
    this.#d = mix() | 1;
  }

  nextU32(): number {
    const scrambled = Math.imul(this.#b, 5);
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0;
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result;
  }

  between(min: number, max: number): number {
    if (!(max > min)) throw new AssertionError(`empty range [${String(min)}, ${String(max)})`);
    return min + Math.floor(this.fraction() * (max - min));
  }

  fraction(): number {
    return this.nextU32() / 0x1_0000_0000;
  }
}

/** Derives the seed of a named stream, so that one more draw in one stream does not shift the others. FNV-1a over the label. */
export function deriveSeed(seed: number, label: string): number {
  let hash = (0x811c9dc5 ^ seed) | 0;
  for (let i = 0; i < label.length; i++) hash = Math.imul(hash ^ label.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
