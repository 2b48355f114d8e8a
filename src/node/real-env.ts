import type { Clock, Timer, Timers } from "../base/index.js";

/** The clocks of this machine. */
export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};

/** Node's timers. */
export const systemTimers: Timers = {
  after(delayMs: number, callback: () => void): Timer {
    const handle = setTimeout(callback, delayMs);
    return {
      cancel: () => {
        clearTimeout(handle);
      },
    };
  },
  every(periodMs: number, callback: () => void): Timer {
    const handle = setInterval(callback, periodMs);
    return {
      cancel: () => {
        clearInterval(handle);
      },
    };
  },
  soon(callback: () => void): void {
    setImmediate(callback);
  },
};
