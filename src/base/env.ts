/**
 * The only door through which rooms with side effects see time. Production hands them the real one; the simulator hands
 * them a virtual one, and a whole cluster then runs from one seed.
 */
export interface Clock {
  /** Wall clock, milliseconds since 1970. May jump either way. For timestamps only, never for measuring. */
  wallMs(): number;
  /** Monotonic milliseconds, arbitrary origin. For measuring and deadlines. */
  monotonicMs(): number;
}

export interface Timer {
  cancel(): void;
}

export interface Timers {
  /** Calls `callback` once after at least `delayMs`. */
  after(delayMs: number, callback: () => void): Timer;
  /** Calls `callback` every `periodMs`; late calls are not made up for. */
  every(periodMs: number, callback: () => void): Timer;
  /** Calls `callback` after the I/O events of this turn: where a turn's work is gathered into one batch. */
  soon(callback: () => void): void;
}
