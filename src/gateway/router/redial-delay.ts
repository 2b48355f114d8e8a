import type { Rng } from "../../base/index.js";

/**
 * Waits between attempts to reach a lost node: short at first, since most streams break while the node lives, then doubling
 * to a bound. Each is drawn from the upper half of its value, so that many gateways do not dial a returning node at once.
 */
export class RedialDelay {
  readonly #minMs: number;
  readonly #maxMs: number;
  readonly #rng: Rng;
  #nextMs: number;

  constructor(minMs: number, maxMs: number, rng: Rng) {
    this.#minMs = minMs;
    this.#maxMs = maxMs;
    this.#rng = rng;
    this.#nextMs = minMs;
  }

  /** In [half, whole) of the current step, which then doubles. */
  next(): number {
    const delayMs = this.#nextMs * (0.5 + this.#rng.fraction() / 2);
    this.#nextMs = Math.min(this.#nextMs * 2, this.#maxMs);
    return delayMs;
  }

  /** After a success. */
  reset(): void {
    this.#nextMs = this.#minMs;
  }
}
