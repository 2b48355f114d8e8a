import { spreadOf } from "./outage.js";

/** What clients saw in a stretch of time. */
export interface Window {
  readonly seconds: number;
  readonly perSecond: number;
  /** From the first attempt to the answer that the client was left with. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** When each operation of each client ended, and how long it took. */
export class Timeline {
  readonly #ends: number[] = [];
  readonly #tookMs: number[] = [];

  /** Of the monotonic clock, milliseconds. Ends come in ascending order. */
  add(began: number, end: number): void {
    this.#ends.push(end);
    this.#tookMs.push(end - began);
  }

  /** Operations that ended in [fromMs, toMs). */
  window(fromMs: number, toMs: number): Window {
    const seconds = (toMs - fromMs) / 1_000;
    const { count, p50, p99, max } = spreadOf(this.#tookMs.slice(this.#firstFrom(fromMs), this.#firstFrom(toMs)));
    return { seconds, perSecond: count / seconds, p50Ms: p50, p99Ms: p99, maxMs: max };
  }

  #firstFrom(ms: number): number {
    let from = 0;
    let to = this.#ends.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if ((this.#ends[middle] as number) < ms) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}
