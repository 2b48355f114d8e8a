/**
 * Counts of durations in microseconds, in buckets of 1/128 of their power of two: percentiles are exact to 0.8 %. Up to 2^31
 * microseconds; recording allocates nothing.
 */
const SUB_BITS = 7;
const SUB = 1 << SUB_BITS;
const EXPONENTS = 31 - SUB_BITS;

export interface LatencySummary {
  readonly count: number;
  /** Milliseconds; 0 when nothing was recorded. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export class LatencyHistogram {
  readonly #counts = new Float64Array(SUB * (EXPONENTS + 1));
  #count = 0;
  #maxUs = 0;

  record(microseconds: number): void {
    const us = Math.min(Math.max(0, Math.round(microseconds)), 0x7fffffff);
    if (us > this.#maxUs) this.#maxUs = us;
    this.#count += 1;
    (this.#counts[bucketOf(us)] as number) += 1;
  }

  /** The duration that this share of the recorded ones does not exceed, in milliseconds. */
  quantileMs(share: number): number {
    const wanted = Math.max(1, Math.ceil(share * this.#count));
    let seen = 0;
    for (let bucket = 0; bucket < this.#counts.length; bucket++) {
      seen += this.#counts[bucket] as number;
      if (seen >= wanted) return Math.min(upperBound(bucket), this.#maxUs) / 1_000;
    }
    return 0;
  }

  summary(): LatencySummary {
    return {
      count: this.#count,
      p50Ms: this.quantileMs(0.5),
      p99Ms: this.quantileMs(0.99),
      maxMs: this.#maxUs / 1_000,
    };
  }

  clear(): void {
    this.#counts.fill(0);
    this.#count = 0;
    this.#maxUs = 0;
  }
}

function bucketOf(us: number): number {
  if (us < SUB) return us;
  const shift = 31 - Math.clz32(us) - SUB_BITS;
  return (shift + 1) * SUB + ((us >>> shift) & (SUB - 1));
}

/** The largest duration of a bucket. */
function upperBound(bucket: number): number {
  if (bucket < SUB) return bucket;
  const shift = Math.floor(bucket / SUB) - 1;
  return (SUB + (bucket % SUB) + 1) * 2 ** shift - 1;
}
