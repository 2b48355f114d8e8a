import type { Clock } from "../base/index.js";
import { nodeLimits } from "./limits.js";

/** How long one event-loop turn works before it lets I/O in again: ticks, and what other nodes have sent meanwhile. */
export class TurnBudget {
  readonly #clock: Pick<Clock, "monotonicMs">;
  #endMs = 0;

  constructor(clock: Pick<Clock, "monotonicMs">) {
    this.#clock = clock;
  }

  /** A turn begins. */
  begin(): void {
    this.#endMs = this.#clock.monotonicMs() + nodeLimits.turnMsMax;
  }

  get isSpent(): boolean {
    return this.#clock.monotonicMs() >= this.#endMs;
  }
}
