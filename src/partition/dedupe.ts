import { assert } from "../base/index.js";
import { deleteOutcomes } from "../command/index.js";
import type { DeleteOutcome } from "../contract/index.js";
import type { Tracked } from "./tracking.js";

/** Kinds of remembered results. Stored in checkpoints. */
export const outcomeKind = {
  /** Nothing is remembered. */
  unknown: 0,
  /** Yes or no, `c` is 1 or 0. Also "none" where an operation found nothing, and "done" where it cannot fail. */
  flag: 1,
  /** The outcome of a delete, `c` is its place among them. */
  deletion: 2,
  /** Messages were posted: `a` incarnation, `b` first sequence, `c` count. */
  posted: 3,
  /** A claim was made: `a` index, `c` ordinal. Its messages are looked up again. */
  claimed: 4,
} as const;

/** What a command came to, in four numbers: made once per machine, filled per command. */
export class Outcome {
  kind = 0;
  a = 0;
  b = 0;
  c = 0;

  flag(value: boolean): void {
    this.set(outcomeKind.flag, 0, 0, value ? 1 : 0);
  }

  deletion(outcome: DeleteOutcome): void {
    this.set(outcomeKind.deletion, 0, 0, deleteOutcomes.indexOf(outcome));
  }

  get deleteOutcome(): DeleteOutcome {
    const outcome = deleteOutcomes[this.c];
    assert(this.kind === outcomeKind.deletion && outcome !== undefined, "not the outcome of a delete");
    return outcome;
  }

  set(kind: number, a: number, b: number, c: number): void {
    this.kind = kind;
    this.a = a;
    this.b = b;
    this.c = c;
  }
}

const WINDOW_MIN = 16;

/**
 * What one gateway process was answered (RIFL, section 3; Raft thesis, section 6.3): results of the sequences from
 * `lowWater` on, in a ring of numbers as wide as the span that is under way.
 */
export class Session implements Tracked {
  readonly id: number;
  /** Sequences below are answered for good. */
  lowWater = 1;
  lastUsedMs: number;
  tracking = 0;
  changePosition = -1;
  #mask = WINDOW_MIN - 1;
  #kinds = new Uint8Array(WINDOW_MIN);
  #a = new Float64Array(WINDOW_MIN);
  #b = new Float64Array(WINDOW_MIN);
  #c = new Uint32Array(WINDOW_MIN);

  constructor(id: number, lastUsedMs: number) {
    this.id = id;
    this.lastUsedMs = lastUsedMs;
  }

  get window(): number {
    return this.#mask + 1;
  }

  /** Forgets results below `lowWater`, which never falls. */
  advance(lowWater: number): void {
    if (lowWater <= this.lowWater) return;
    if (lowWater - this.lowWater >= this.window) this.#kinds.fill(0);
    else for (let sequence = this.lowWater; sequence < lowWater; sequence++) this.#kinds[sequence & this.#mask] = 0;
    this.lowWater = lowWater;
  }

  /** Fills `outcome` with the result of `sequence`, at or above the low-water mark; kind `unknown` when there is none. */
  recall(sequence: number, outcome: Outcome): boolean {
    if (sequence - this.lowWater >= this.window) return false;
    const at = sequence & this.#mask;
    const kind = this.#kinds[at] as number;
    if (kind === outcomeKind.unknown) return false;
    outcome.set(kind, this.#a[at] as number, this.#b[at] as number, this.#c[at] as number);
    return true;
  }

  /**
   * Keeps the result of `sequence`. When that lies `windowMax` or more above the low-water mark, the mark moves up: a
   * gateway with so many commands under way loses the oldest results.
   */
  remember(sequence: number, outcome: Outcome, windowMax: number): void {
    if (sequence - this.lowWater >= windowMax) this.advance(sequence - windowMax + 1);
    while (sequence - this.lowWater >= this.window) this.#widen();
    const at = sequence & this.#mask;
    this.#kinds[at] = outcome.kind;
    this.#a[at] = outcome.a;
    this.#b[at] = outcome.b;
    this.#c[at] = outcome.c;
  }

  /** The first sequence at or above `from` with a result; -1 when none follows. */
  nextRemembered(from: number): number {
    const end = this.lowWater + this.window;
    for (let sequence = Math.max(from, this.lowWater); sequence < end; sequence++) {
      if (this.#kinds[sequence & this.#mask] !== outcomeKind.unknown) return sequence;
    }
    return -1;
  }

  #widen(): void {
    const kinds = this.#kinds;
    const [a, b, c] = [this.#a, this.#b, this.#c];
    const oldMask = this.#mask;
    const window = this.window * 2;
    this.#mask = window - 1;
    this.#kinds = new Uint8Array(window);
    this.#a = new Float64Array(window);
    this.#b = new Float64Array(window);
    this.#c = new Uint32Array(window);
    for (let sequence = this.lowWater; sequence <= this.lowWater + oldMask; sequence++) {
      const [from, to] = [sequence & oldMask, sequence & this.#mask];
      this.#kinds[to] = kinds[from] as number;
      this.#a[to] = a[from] as number;
      this.#b[to] = b[from] as number;
      this.#c[to] = c[from] as number;
    }
  }
}

/** The sessions of a partition. Which one is forgotten follows from their content alone, not from the order in memory. */
export class Sessions {
  readonly #byId = new Map<number, Session>();
  readonly #idleMs: number;
  readonly #max: number;
  /** No session is idle for too long before this time. */
  #idleCheckMs = Infinity;
  /** The commands of an entry mostly come from few sessions. */
  #latest: Session | undefined = undefined;

  constructor(max: number, idleMs: number) {
    this.#max = max;
    this.#idleMs = idleMs;
  }

  get size(): number {
    return this.#byId.size;
  }

  get(id: number): Session | undefined {
    if (this.#latest?.id === id) return this.#latest;
    const session = this.#byId.get(id);
    if (session !== undefined) this.#latest = session;
    return session;
  }

  add(session: Session): void {
    this.#byId.set(session.id, session);
    this.#latest = session;
    this.#idleCheckMs = Math.min(this.#idleCheckMs, session.lastUsedMs + this.#idleMs);
  }

  remove(session: Session): void {
    this.#byId.delete(session.id);
    this.#latest = undefined;
  }

  /** The session to forget before another is added: the one least recently used. Undefined while there is room. */
  surplus(): Session | undefined {
    if (this.#byId.size < this.#max) return undefined;
    let oldest: Session | undefined;
    for (const session of this.#byId.values()) {
      if (oldest === undefined || usedBefore(session, oldest)) oldest = session;
    }
    return oldest;
  }

  /** The sessions that have been idle for too long at `nowMs`. Nearly always decided by one comparison. */
  idle(nowMs: number): Session[] {
    if (nowMs < this.#idleCheckMs) return [];
    const idle: Session[] = [];
    this.#idleCheckMs = Infinity;
    for (const session of this.#byId.values()) {
      const deadlineMs = session.lastUsedMs + this.#idleMs;
      if (deadlineMs <= nowMs) idle.push(session);
      else this.#idleCheckMs = Math.min(this.#idleCheckMs, deadlineMs);
    }
    return idle;
  }

  /** Ascending by id; sorting, for audits. */
  all(): Session[] {
    return [...this.#byId.values()].sort((a, b) => a.id - b.id);
  }
}

function usedBefore(a: Session, b: Session): boolean {
  return a.lastUsedMs < b.lastUsedMs || (a.lastUsedMs === b.lastUsedMs && a.id < b.id);
}
