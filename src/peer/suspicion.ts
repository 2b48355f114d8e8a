import type { Timer, Timers } from "../base/index.js";
import { peerLimits } from "./limits.js";

/**
 * Finds out whether the process behind a lost stream is gone. One answer is not enough: a process that was just killed seems to
 * listen until its memory is freed. So it asks again, one question at a time, until the answer is yes, `suspicionMs` are over
 * or nobody wants to know any more.
 */
export class Suspicion {
  readonly #ask: (signal: AbortSignal) => Promise<boolean>;
  readonly #timers: Timers;
  readonly #gone: () => void;
  readonly #over = new AbortController();
  readonly #deadline: Timer;
  #pause: Timer | undefined;

  /** Begins at once. `ask` never rejects; `gone` is called at most once, never before the constructor has returned. */
  constructor(timers: Timers, ask: (signal: AbortSignal) => Promise<boolean>, gone: () => void) {
    this.#timers = timers;
    this.#ask = ask;
    this.#gone = gone;
    this.#deadline = timers.after(peerLimits.suspicionMs, () => {
      this.cancel();
    });
    this.#askOnce();
  }

  cancel(): void {
    this.#over.abort();
    this.#deadline.cancel();
    this.#pause?.cancel();
  }

  #askOnce(): void {
    const { signal } = this.#over;
    void this.#ask(signal).then((gone) => {
      if (signal.aborted) return;
      if (!gone) {
        this.#pause = this.#timers.after(peerLimits.probePauseMs, () => {
          this.#askOnce();
        });
        return;
      }
      this.cancel();
      this.#gone();
    });
  }
}
