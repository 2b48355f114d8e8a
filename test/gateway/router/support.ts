import { jest } from "@jest/globals";
import { type Clock, type Timer, type Timers, Xoshiro128 } from "../../../src/base/index.js";
import type { RouterLog } from "../../../src/gateway/router/index.js";
import { Request } from "../../../src/gateway/router/request.js";

export const silentLog: RouterLog = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** A log whose errors and warnings can be read. */
export class RecordingLog implements RouterLog {
  readonly errors: { fields: object; message: string }[] = [];
  readonly warnings: { fields: object; message: string }[] = [];

  info(): void {
    // Not looked at.
  }

  warn(fields: object, message: string): void {
    this.warnings.push({ fields, message });
  }

  error(fields: object, message: string): void {
    this.errors.push({ fields, message });
  }
}

/** Waits until `condition` holds; throws after `timeoutMs`. Returns the milliseconds that it took. */
export async function eventually(condition: () => boolean, timeoutMs = 5_000): Promise<number> {
  const startMs = performance.now();
  while (!condition()) {
    if (performance.now() - startMs > timeoutMs) throw new Error(`not within ${String(timeoutMs)} ms`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return performance.now() - startMs;
}

/** Lets promise reactions run. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

interface Planned {
  readonly atMs: number;
  readonly order: number;
  readonly callback: () => void;
}

/** A clock that stands still until it is told to move. */
export class VirtualTime implements Clock, Timers {
  #nowMs = 0;
  #order = 0;
  #planned: Planned[] = [];

  wallMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, callback: () => void): Timer {
    const planned = { atMs: this.#nowMs + delayMs, order: this.#order++, callback };
    this.#planned.push(planned);
    return {
      cancel: () => {
        this.#planned = this.#planned.filter((other) => other !== planned);
      },
    };
  }

  every(periodMs: number, callback: () => void): Timer {
    let cancelled = false;
    const again = (): void => {
      if (cancelled) return;
      callback();
      this.after(periodMs, again);
    };
    this.after(periodMs, again);
    return {
      cancel: () => {
        cancelled = true;
      },
    };
  }

  soon(callback: () => void): void {
    this.after(0, callback);
  }

  /** Moves on by `ms`, calling what comes due, in order; promise reactions run in between. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    await settled();
    for (let next = this.#next(endMs); next !== undefined; next = this.#next(endMs)) {
      this.#planned = this.#planned.filter((other) => other !== next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.callback();
      await settled();
    }
    this.#nowMs = endMs;
  }

  #next(endMs: number): Planned | undefined {
    let next: Planned | undefined;
    for (const planned of this.#planned) {
      if (planned.atMs > endMs) continue;
      if (next === undefined || planned.atMs < next.atMs || (planned.atMs === next.atMs && planned.order < next.order))
        next = planned;
    }
    return next;
  }
}

export const seededRng = (seed = 1): Xoshiro128 => new Xoshiro128(seed);

/** A request that nobody waits for: a command when it has a sequence. */
export function requestOf(partition: number, sequence = 0, bytes: Uint8Array = Buffer.from("request")): Request {
  return new Request(partition, "get-queue", bytes, sequence, 10_000, jest.fn(), jest.fn());
}
