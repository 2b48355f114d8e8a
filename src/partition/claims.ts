import { assert } from "../base/index.js";
import type { QueueState } from "./queue-state.js";
import type { Timed } from "./timers.js";
import type { Tracked } from "./tracking.js";

/** A lease on messages of one queue. It exists for as long as it holds any. */
export class Claim implements Timed, Tracked {
  /** The log entry that made it, and its place there. */
  readonly index: number;
  readonly ordinal: number;
  readonly queue: QueueState;
  ttlSec: number;
  /** When it ends. Dead from that moment on, even while the sweep lags behind. */
  deadlineMs: number;
  /** Sequences of the messages it holds, ascending. */
  readonly sequences: number[] = [];
  /** Its number in the table: what the slots of its messages hold. Differs between replicas. */
  handle = -1;
  heapPosition = -1;
  tracking = 0;
  changePosition = -1;

  constructor(index: number, ordinal: number, queue: QueueState, ttlSec: number, deadlineMs: number) {
    this.index = index;
    this.ordinal = ordinal;
    this.queue = queue;
    this.ttlSec = ttlSec;
    this.deadlineMs = deadlineMs;
  }
}

/** Total order of claims, by age. */
export function claimBefore(a: Claim, b: Claim): boolean {
  return a.index < b.index || (a.index === b.index && a.ordinal < b.ordinal);
}

const SLOTS_MIN = 16;
const U32 = 0x1_0000_0000;

/**
 * The claims of the partition, by id and by handle. The hash table is our own because an id of 80 bits would need a string
 * to be the key of a Map. Linear probing at a load of one half at most.
 */
export class ClaimTable {
  readonly #byHandle: (Claim | undefined)[] = [];
  readonly #freeHandles: number[] = [];
  #slots: (Claim | undefined)[] = new Array<Claim | undefined>(SLOTS_MIN).fill(undefined);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(index: number, ordinal: number): Claim | undefined {
    const mask = this.#slots.length - 1;
    for (let at = hashOf(index, ordinal) & mask; ; at = (at + 1) & mask) {
      const claim = this.#slots[at];
      if (claim === undefined || (claim.index === index && claim.ordinal === ordinal)) return claim;
    }
  }

  /** The claim that a claimed slot names. */
  byHandle(handle: number): Claim {
    const claim = this.#byHandle[handle];
    assert(claim !== undefined, "a claimed message names its claim");
    return claim;
  }

  add(claim: Claim): void {
    assert(this.get(claim.index, claim.ordinal) === undefined, "a claim id is given once");
    claim.handle = this.#freeHandles.pop() ?? this.#byHandle.length;
    this.#byHandle[claim.handle] = claim;
    this.#size++;
    if (this.#size * 2 > this.#slots.length) this.#grow();
    this.#insert(claim);
  }

  remove(claim: Claim): void {
    assert(this.#byHandle[claim.handle] === claim, "a claim is removed once");
    this.#byHandle[claim.handle] = undefined;
    this.#freeHandles.push(claim.handle);
    claim.handle = -1;
    this.#size--;
    this.#vacate(claim);
  }

  /** Ascending by id; linear and sorting, for audits. */
  all(): Claim[] {
    const claims = this.#byHandle.filter((claim) => claim !== undefined);
    return claims.sort((a, b) => (claimBefore(a, b) ? -1 : 1));
  }

  #insert(claim: Claim): void {
    const mask = this.#slots.length - 1;
    let at = hashOf(claim.index, claim.ordinal) & mask;
    while (this.#slots[at] !== undefined) at = (at + 1) & mask;
    this.#slots[at] = claim;
  }

  /** Moves later claims of the same run back, so that no tombstone is needed. */
  #vacate(claim: Claim): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let hole = hashOf(claim.index, claim.ordinal) & mask;
    while (slots[hole] !== claim) hole = (hole + 1) & mask;
    for (let at = (hole + 1) & mask; ; at = (at + 1) & mask) {
      const other = slots[at];
      if (other === undefined) break;
      const home = hashOf(other.index, other.ordinal) & mask;
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      slots[hole] = other;
      hole = at;
    }
    slots[hole] = undefined;
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Array<Claim | undefined>(old.length * 2).fill(undefined);
    for (const claim of old) if (claim !== undefined && claim.handle !== -1) this.#insert(claim);
  }
}

function hashOf(index: number, ordinal: number): number {
  let hash = Math.imul((index >>> 0) ^ Math.imul(Math.floor(index / U32), 0x27d4eb2f), 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 15) ^ ordinal, 0x85ebca6b);
  return hash ^ (hash >>> 13);
}
