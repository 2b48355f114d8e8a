import type { Clock } from "../base/index.js";

/**
 * Whether to send traffic here, without the moments in which a leadership moves: requests wait those out, and taking a process
 * out of service for each of them would do harm. Ready from the first yes until no yes was noted for `graceMs`.
 */
export class SteadyReadiness {
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #graceMs: number;
  #lastYesMs = -Infinity;

  constructor(clock: Pick<Clock, "monotonicMs">, graceMs: number) {
    this.#clock = clock;
    this.#graceMs = graceMs;
  }

  /** To be called often, several times within the grace. */
  note(yes: boolean): void {
    if (yes) this.#lastYesMs = this.#clock.monotonicMs();
  }

  get ready(): boolean {
    return this.#clock.monotonicMs() - this.#lastYesMs <= this.#graceMs;
  }
}
