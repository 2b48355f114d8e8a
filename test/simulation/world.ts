import { deriveSeed, type Rng, Xoshiro128 } from "../../src/base/index.js";
import { Coverage } from "./coverage.js";
import { EventHeap, type SimEvent } from "./event-heap.js";
import type { SimProcess } from "./sim-process.js";
import { Timeline } from "./timeline.js";

/** Virtual wall time at the start of every run: some day in 2027. */
export const WALL_START_MS = 1_800_000_000_000;

/**
 * Runs what promises wait for until nothing is left, nextTicks included. The one function of Node that does so from inside a
 * macrotask; it does nothing inside a microtask, hence `runWorld` starts from a macrotask.
 */
const drainMicrotasks = (process as unknown as { _tickCallback(): void })._tickCallback;

/** Why a run ended before its time. */
export class SimulationFailure extends Error {
  override readonly name = "SimulationFailure";
}

/**
 * The one event loop of a simulation: events ordered by virtual time, then by order of scheduling. Nothing else makes time
 * pass. Between two events all promises that can go on do so; hence a seed repeats a run to the last bit.
 */
export class World {
  readonly seed: number;
  readonly coverage = new Coverage();
  readonly timeline: Timeline;
  readonly #heap = new EventHeap();
  readonly #rngs = new Map<string, Rng>();
  #nowMs = 0;
  #order = 0;
  #events = 0;
  #hash = 0x811c9dc5;
  #failure: SimulationFailure | undefined;

  constructor(seed: number, keepsTimeline = false) {
    this.seed = seed;
    this.timeline = new Timeline(this, keepsTimeline);
    this.trace(seed);
  }

  /** Virtual milliseconds since the start. */
  get nowMs(): number {
    return this.#nowMs;
  }

  get events(): number {
    return this.#events;
  }

  get failure(): SimulationFailure | undefined {
    return this.#failure;
  }

  /** A hash over all that happened so far, the same whenever the same seed runs the same code. */
  get traceHash(): number {
    return this.#hash >>> 0;
  }

  /** The stream of randomness of that name: one more draw in one stream does not shift the others. */
  rng(label: string): Rng {
    let rng = this.#rngs.get(label);
    if (rng === undefined) {
      rng = new Xoshiro128(deriveSeed(this.seed, label));
      this.#rngs.set(label, rng);
    }
    return rng;
  }

  /** Takes a fact into the trace hash. */
  trace(value: number): void {
    this.#hash = Math.imul(this.#hash ^ value, 0x01000193);
    this.#hash ^= this.#hash >>> 15;
  }

  /** Schedules `run` for `delayMs` from now, inside `owner`. */
  after(delayMs: number, owner: SimProcess | undefined, run: () => void): SimEvent {
    const event = { atMs: this.#nowMs + delayMs, order: this.#order++, owner, run };
    this.#heap.push(event);
    return event;
  }

  /** Schedules an event that waited for its paused process, for now. */
  again(event: SimEvent): void {
    event.atMs = this.#nowMs;
    event.order = this.#order++;
    this.#heap.push(event);
  }

  /** Ends the run: an invariant is broken, or something was thrown that would have ended a real process. */
  fail(reason: string, cause?: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = new SimulationFailure(reason, cause === undefined ? undefined : { cause });
    this.timeline.note(undefined, `FAILED: ${reason}`);
  }

  /** Runs until `untilMs` of virtual time, or `done` holds, or the run failed. True unless time ran out or it failed. */
  run(untilMs: number, done?: () => boolean): boolean {
    while (this.#failure === undefined) {
      if (done?.() === true) return true;
      const next = this.#heap.first;
      if (next === undefined || next.atMs > untilMs) {
        this.#nowMs = untilMs;
        return false;
      }
      this.#step();
    }
    return false;
  }

  #step(): void {
    const event = this.#heap.pop();
    if (event?.run === undefined) return;
    const { owner } = event;
    if (owner !== undefined) {
      if (!owner.alive) return;
      if (owner.paused) {
        owner.deferred.push(event);
        return;
      }
    }
    this.#nowMs = Math.max(this.#nowMs, event.atMs);
    this.#events++;
    this.trace((event.atMs * 1_000) ^ ((owner?.id ?? 0) << 24));
    try {
      event.run();
      drainMicrotasks();
    } catch (error) {
      this.threw(owner, error);
    }
  }

  /** An error that nobody caught, in `owner`. */
  threw(owner: SimProcess | undefined, error: unknown): void {
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    this.fail(`uncaught in ${owner?.name ?? "the simulator"}: ${text}`, error);
  }
}
