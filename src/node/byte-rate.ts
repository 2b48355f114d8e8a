import type { Clock } from "../base/index.js";

/** What may be taken at once after a pause, in milliseconds of the rate: timers are not finer than a few of them. */
const BURST_MS = 50;

/** A token bucket: bounds bytes per second over all who share it. */
export class ByteRate {
  readonly #clock: Clock;
  readonly #bytesPerMs: number;
  /** When what was taken so far is paid for. */
  #paidAtMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, bytesPerSecond: number) {
    this.#clock = clock;
    this.#bytesPerMs = bytesPerSecond / 1_000;
  }

  /** Takes `bytes`; returns the milliseconds, 0 or more, that whoever takes them must wait before it uses them. */
  take(bytes: number): number {
    const nowMs = this.#clock.monotonicMs();
    const beginMs = Math.max(this.#paidAtMs, nowMs - BURST_MS);
    this.#paidAtMs = beginMs + bytes / this.#bytesPerMs;
    return Math.max(0, beginMs - nowMs);
  }
}
