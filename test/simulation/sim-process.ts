import type { Clock, Rng, Timer, Timers } from "../../src/base/index.js";
import type { SimEvent } from "./event-heap.js";
import { WALL_START_MS, type World } from "./world.js";

/** How a machine's clocks differ from true time. Belongs to the machine: outlives its processes. */
export interface ClockSkew {
  /** Added to the wall clock, in milliseconds. */
  offsetMs: number;
  /** Rate of all clocks of the machine, 1 when exact. */
  rate: number;
}

/**
 * One life of one operating-system process: everything scheduled inside it dies with it, and waits while it is paused.
 * Also its clocks and timers.
 */
export class SimProcess implements Clock, Timers {
  readonly world: World;
  readonly id: number;
  readonly name: string;
  readonly deferred: SimEvent[] = [];
  readonly #skew: ClockSkew;
  readonly #rng: Rng;
  #alive = true;
  #paused = false;
  #onDeath: (() => void)[] = [];

  constructor(world: World, id: number, name: string, skew: ClockSkew) {
    this.world = world;
    this.id = id;
    this.name = name;
    this.#skew = skew;
    this.#rng = world.rng(`timers of ${name}`);
  }

  get alive(): boolean {
    return this.#alive;
  }

  get paused(): boolean {
    return this.#paused;
  }

  wallMs(): number {
    return WALL_START_MS + Math.floor(this.world.nowMs * this.#skew.rate + this.#skew.offsetMs);
  }

  monotonicMs(): number {
    return this.world.nowMs * this.#skew.rate;
  }

  after(delayMs: number, callback: () => void): Timer {
    const event = this.world.after(this.#late(delayMs), this, () => {
      event.run = undefined;
      callback();
    });
    return {
      cancel: () => {
        event.run = undefined;
      },
    };
  }

  every(periodMs: number, callback: () => void): Timer {
    let event: SimEvent | undefined;
    const arm = (delayMs: number): void => {
      event = this.world.after(delayMs, this, () => {
        arm(this.#late(periodMs));
        callback();
      });
    };
    arm(this.#late(periodMs * (0.5 + this.#rng.fraction())));
    return {
      cancel: () => {
        if (event !== undefined) event.run = undefined;
      },
    };
  }

  /** A turn of an event loop takes a little: what comes in meanwhile is in it. */
  soon(callback: () => void): void {
    this.world.after(0.005 + this.#rng.fraction() * 0.03, this, callback);
  }

  /** Timers are late by up to a millisecond, and run at the machine's rate. */
  #late(delayMs: number): number {
    return Math.max(0, delayMs) / this.#skew.rate + this.#rng.fraction();
  }

  /** SIGSTOP. */
  pause(): void {
    this.#paused = true;
  }

  /** SIGCONT: all that waited happens now, in its old order. */
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    for (const event of this.deferred.splice(0)) this.world.again(event);
  }

  kill(): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#paused = false;
    this.deferred.length = 0;
    const callbacks = this.#onDeath;
    this.#onDeath = [];
    for (const callback of callbacks) callback();
  }

  onDeath(callback: () => void): void {
    this.#onDeath.push(callback);
  }
}
