import type { Clock, Timer, Timers } from "./env.js";

/** The clocks of this machine. */
export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};

class NodeTimer implements Timer {
  readonly #handle: NodeJS.Timeout;

  constructor(handle: NodeJS.Timeout) {
    this.#handle = handle;
  }

  cancel(): void {
    clearTimeout(this.#handle);
  }
}

/** Node's timers. `soon` runs after the sockets of a turn were read, before timers. */
export const systemTimers: Timers = {
  after: (delayMs, callback) => new NodeTimer(setTimeout(callback, delayMs)),
  every: (periodMs, callback) => new NodeTimer(setInterval(callback, periodMs)),
  soon: (callback) => {
    setImmediate(callback);
  },
};
