import { assert } from "../base/index.js";
import { BodyArena } from "./body-arena.js";
import { chunkSlotsMin, clientSearchMax } from "./limits.js";
import type { Timed } from "./timers.js";
import type { Tracked } from "./tracking.js";

/** States of a slot. */
export const slotState = { gone: 0, available: 1, claimed: 2 } as const;

/**
 * Words of a slot: expiry (low, high), posting (offset from the chunk's base), ttl, body (offset, length), and
 * `client 10 bits | sequence offset 10 bits | state 2 bits`, and the handle of the claim while claimed. One typed array a
 * chunk: 32 bytes a message and nothing for the collector to trace.
 */
const SLOT = 8;
const EXPIRY_LOW = 0;
const EXPIRY_HIGH = 1;
const POSTED = 2;
const TTL = 3;
const BODY_AT = 4;
const BODY_BYTES = 5;
const PACKED = 6;
const CLAIM = 7;

const TEN_BITS = 0x3ff;
const DELTA_SHIFT = 10;
const STATE_SHIFT = 20;
const STATE_CLEAR = (1 << STATE_SHIFT) - 1;
const CLIENT = 4;
const U32 = 0x1_0000_0000;

/** Reads a client id's words; `at` need not be aligned. */
export function clientWord(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)) >>>
    0
  );
}

/**
 * Messages of consecutive sequences of one queue, in order: the unit of memory, of expiry and of checkpoints. Slots of gone
 * messages stay until the chunk is squeezed; the range of sequences it has taken never shrinks. It keeps its own counts
 * right and leaves timers, checkpoints and the queue's counts to its callers. All methods take slots in [0, used), where the
 * typed arrays are never undefined.
 */
export class Chunk<Queue> implements Timed, Tracked {
  readonly queue: Queue;
  readonly firstSequence: number;
  /** Log time of the first posting. */
  readonly baseMs: number;
  /** Sequences taken: firstSequence ... firstSequence + span - 1. */
  span = 0;
  /** Bytes of bodies ever appended. With `span` it decides when the chunk is full, alike on replicas that squeezed and did not. */
  appendedBytes = 0;
  /** Slots in use, of messages alive and gone. */
  used = 0;
  live = 0;
  available = 0;
  liveBytes = 0;
  /** No message here expires earlier. */
  deadlineMs = Infinity;
  /** No message here expires later. */
  latestMs = 0;
  heapPosition = -1;
  tracking = 0;
  changePosition = -1;
  #bodies: BodyArena;
  #words: Uint32Array;
  #clients: Uint32Array;
  #clientCount = 0;

  constructor(queue: Queue, firstSequence: number, baseMs: number, slots: number = chunkSlotsMin, bodyBytes = 0) {
    this.queue = queue;
    this.firstSequence = firstSequence;
    this.baseMs = baseMs;
    this.#words = new Uint32Array(slots * SLOT);
    this.#clients = new Uint32Array(CLIENT);
    this.#bodies = new BodyArena(bodyBytes);
  }

  /** The sequence after the last one taken. */
  get endSequence(): number {
    return this.firstSequence + this.span;
  }

  get bodies(): BodyArena {
    return this.#bodies;
  }

  get clientCount(): number {
    return this.#clientCount;
  }

  /** Bytes of memory behind the chunk, without its objects. */
  get capacityBytes(): number {
    return this.#words.byteLength + this.#clients.byteLength + this.#bodies.capacity;
  }

  /** Puts a stored table of clients in place; of a chunk without messages. */
  restoreClients(table: Uint8Array): void {
    this.#clientCount = table.length / 16;
    this.#clients = new Uint32Array(Math.max(1, this.#clientCount) * CLIENT);
    for (let at = 0; at < table.length; at += 4) this.#clients[at / 4] = clientWord(table, at);
  }

  /** Puts stored bodies in place; of a chunk that has none. Takes `bodies` over. */
  restoreBodies(bodies: BodyArena): void {
    assert(this.#bodies.length === 0, "bodies are restored once");
    this.#bodies = bodies;
  }

  /** The number in this chunk of the client whose 16 bytes are at `at`. */
  internClient(bytes: Uint8Array, at: number): number {
    return this.#intern(
      clientWord(bytes, at),
      clientWord(bytes, at + 4),
      clientWord(bytes, at + 8),
      clientWord(bytes, at + 12),
    );
  }

  /** Word `word` (0 to 3) of client number `client`. */
  clientWordAt(client: number, word: number): number {
    return this.#clients[client * CLIENT + word] as number;
  }

  /**
   * Takes the message of sequence `sequence`, not before `endSequence`, available; its body is at `bodyAt` of the arena. Times in milliseconds.
   */
  append(
    sequence: number,
    client: number,
    postedMs: number,
    ttlSec: number,
    expiryMs: number,
    bodyAt: number,
    bodyBytes: number,
  ): void {
    const delta = sequence - this.firstSequence;
    assert(delta >= this.span && delta <= TEN_BITS && client <= TEN_BITS, "a chunk holds 1,024 sequences");
    if ((this.used + 1) * SLOT > this.#words.length) this.#growSlots();
    const words = this.#words;
    const at = this.used * SLOT;
    words[at + EXPIRY_LOW] = expiryMs >>> 0;
    words[at + EXPIRY_HIGH] = Math.floor(expiryMs / U32);
    words[at + POSTED] = postedMs - this.baseMs;
    words[at + TTL] = ttlSec;
    words[at + BODY_AT] = bodyAt;
    words[at + BODY_BYTES] = bodyBytes;
    words[at + PACKED] = client | (delta << DELTA_SHIFT) | (slotState.available << STATE_SHIFT);
    words[at + CLAIM] = 0;
    this.used++;
    this.span = delta + 1;
    this.live++;
    this.available++;
    this.liveBytes += bodyBytes;
    this.appendedBytes += bodyBytes;
    if (expiryMs < this.deadlineMs) this.deadlineMs = expiryMs;
    if (expiryMs > this.latestMs) this.latestMs = expiryMs;
  }

  /** The first slot whose sequence is not below `sequence`; `used` when there is none. */
  lowerBound(sequence: number): number {
    const delta = sequence - this.firstSequence;
    if (delta <= 0) return 0;
    if (delta >= this.span) return this.used;
    if (this.used === this.span) return delta;
    let low = 0;
    let high = this.used;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#deltaAt(middle) < delta) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The slot of a message that is not gone; -1 otherwise. */
  slotOf(sequence: number): number {
    const slot = this.lowerBound(sequence);
    if (slot >= this.used || this.sequenceAt(slot) !== sequence || this.stateAt(slot) === slotState.gone) return -1;
    return slot;
  }

  sequenceAt(slot: number): number {
    return this.firstSequence + this.#deltaAt(slot);
  }

  stateAt(slot: number): number {
    return (this.#words[slot * SLOT + PACKED] as number) >>> STATE_SHIFT;
  }

  expiryMsAt(slot: number): number {
    return (this.#words[slot * SLOT + EXPIRY_HIGH] as number) * U32 + (this.#words[slot * SLOT + EXPIRY_LOW] as number);
  }

  postedMsAt(slot: number): number {
    return this.baseMs + (this.#words[slot * SLOT + POSTED] as number);
  }

  ttlSecAt(slot: number): number {
    return this.#words[slot * SLOT + TTL] as number;
  }

  clientAt(slot: number): number {
    return (this.#words[slot * SLOT + PACKED] as number) & TEN_BITS;
  }

  bodyOffsetAt(slot: number): number {
    return this.#words[slot * SLOT + BODY_AT] as number;
  }

  bodyBytesAt(slot: number): number {
    return this.#words[slot * SLOT + BODY_BYTES] as number;
  }

  /** The body's bytes; true for as long as they are needed, since arenas are never overwritten. */
  bodyAt(slot: number): Uint8Array {
    return this.#bodies.view(this.bodyOffsetAt(slot), this.bodyBytesAt(slot));
  }

  /** The handle of the claim of a claimed slot. */
  claimAt(slot: number): number {
    return this.#words[slot * SLOT + CLAIM] as number;
  }

  setClaimed(slot: number, claim: number): void {
    assert(this.stateAt(slot) === slotState.available, "only an available message can be claimed");
    this.#setState(slot, slotState.claimed);
    this.#words[slot * SLOT + CLAIM] = claim;
    this.available--;
  }

  setAvailable(slot: number): void {
    assert(this.stateAt(slot) === slotState.claimed, "only a claimed message can return");
    this.#setState(slot, slotState.available);
    this.available++;
  }

  /** Stretches a message's life; `ttlSec` is what it reads from now on. */
  extend(slot: number, expiryMs: number, ttlSec: number): void {
    const at = slot * SLOT;
    this.#words[at + EXPIRY_LOW] = expiryMs >>> 0;
    this.#words[at + EXPIRY_HIGH] = Math.floor(expiryMs / U32);
    this.#words[at + TTL] = ttlSec;
    if (expiryMs > this.latestMs) this.latestMs = expiryMs;
  }

  markGone(slot: number): void {
    const state = this.stateAt(slot);
    assert(state !== slotState.gone, "a message goes once");
    if (state === slotState.available) this.available--;
    this.live--;
    this.liveBytes -= this.bodyBytesAt(slot);
    this.#setState(slot, slotState.gone);
  }

  /** Rewrites the chunk in memory without the slots and bodies of gone messages. Slots change, sequences do not. */
  squeeze(): void {
    const words = this.#words;
    const clients = this.#clients;
    const bodies = this.#bodies;
    const used = this.used;
    this.#words = new Uint32Array(capacityFor(this.live) * SLOT);
    this.#clients = new Uint32Array(CLIENT);
    this.#clientCount = 0;
    this.#bodies = new BodyArena(this.liveBytes);
    this.used = 0;
    for (let from = 0; from < used * SLOT; from += SLOT) {
      const packed = words[from + PACKED] as number;
      if (packed >>> STATE_SHIFT === slotState.gone) continue;
      const at = this.used * SLOT;
      for (let i = 0; i < SLOT; i++) this.#words[at + i] = words[from + i] as number;
      const client = this.#internFrom(clients, packed & TEN_BITS);
      this.#words[at + PACKED] = (packed & ~TEN_BITS) | client;
      const bodyAt = words[from + BODY_AT] as number;
      const bodyBytes = words[from + BODY_BYTES] as number;
      this.#words[at + BODY_AT] = this.#bodies.append(bodies.view(bodyAt, bodyBytes), 0, bodyBytes);
      this.used++;
    }
    assert(this.used === this.live, "squeezed slots are all alive");
  }

  /** Gives back unused capacity: the chunk is full. */
  seal(): void {
    this.#bodies.trim();
    const needed = this.used * SLOT;
    if (this.#words.length > needed + needed / 4) this.#words = this.#words.slice(0, needed);
  }

  #deltaAt(slot: number): number {
    return ((this.#words[slot * SLOT + PACKED] as number) >>> DELTA_SHIFT) & TEN_BITS;
  }

  #setState(slot: number, state: number): void {
    const at = slot * SLOT + PACKED;
    this.#words[at] = ((this.#words[at] as number) & STATE_CLEAR) | (state << STATE_SHIFT);
  }

  #internFrom(clients: Uint32Array, client: number): number {
    const at = client * CLIENT;
    return this.#intern(
      clients[at] as number,
      clients[at + 1] as number,
      clients[at + 2] as number,
      clients[at + 3] as number,
    );
  }

  #intern(a: number, b: number, c: number, d: number): number {
    const clients = this.#clients;
    const oldest = Math.max(0, this.#clientCount - clientSearchMax);
    for (let client = this.#clientCount - 1; client >= oldest; client--) {
      const at = client * CLIENT;
      if (clients[at] === a && clients[at + 1] === b && clients[at + 2] === c && clients[at + 3] === d) return client;
    }
    const at = this.#clientCount * CLIENT;
    if (at >= clients.length) {
      this.#clients = new Uint32Array(clients.length * 2);
      this.#clients.set(clients);
    }
    this.#clients.set([a, b, c, d], at);
    return this.#clientCount++;
  }

  #growSlots(): void {
    const larger = new Uint32Array(Math.max(this.#words.length * 2, chunkSlotsMin * SLOT));
    larger.set(this.#words);
    this.#words = larger;
  }
}

/** The smallest capacity of a chunk that takes `messages`. */
export function capacityFor(messages: number): number {
  let slots = chunkSlotsMin;
  while (slots < messages) slots *= 2;
  return slots;
}
