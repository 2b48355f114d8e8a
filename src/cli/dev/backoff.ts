/** First and longest wait before a process that died is started again. */
const DELAY_MS_MIN = 500;
const DELAY_MS_MAX = 10_000;
/** A process that ran this long had started well: its next death counts as the first. */
const STEADY_MS = 30_000;
/** Deaths in a row after which starting again is given up. */
const ATTEMPTS_MAX = 10;

/** How long to wait before a process is started again. Doubles with every death in a row. */
export class Backoff {
  #deaths = 0;

  /** @returns milliseconds; undefined when it is time to give up */
  nextDelayMs(ranMs: number): number | undefined {
    this.#deaths = ranMs >= STEADY_MS ? 1 : this.#deaths + 1;
    if (this.#deaths > ATTEMPTS_MAX) return undefined;
    return Math.min(DELAY_MS_MAX, DELAY_MS_MIN * 2 ** (this.#deaths - 1));
  }
}
