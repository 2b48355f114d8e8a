import { adminLimits } from "./limits.js";

/**
 * Whom to ask next. Everybody is asked once in a round, those first that a node pointed to; two nodes that point to each other
 * are then not asked in turns for ever, and a node that is down does not hide the ones behind it.
 */
export class Rounds {
  readonly #given: readonly string[];
  /** Likeliest first, without repetition. */
  #known: readonly string[];
  #asked = new Set<string>();
  #rounds = 0;

  /** @param given addresses, never forgotten */
  constructor(given: readonly string[]) {
    this.#given = [...new Set(given)].slice(0, adminLimits.addressesMax);
    this.#known = this.#given;
  }

  /** Undefined: all have been asked in this round. */
  next(): string | undefined {
    const address = this.#known.find((one) => !this.#asked.has(one));
    if (address !== undefined) this.#asked.add(address);
    return address;
  }

  /** A node says: ask these, the likeliest first. */
  point(addresses: readonly string[]): void {
    const room = adminLimits.addressesMax - this.#given.length;
    const pointed = [...new Set(addresses)];
    const others = this.#known.filter((one) => !pointed.includes(one));
    const added = [...pointed, ...others].filter((one) => !this.#given.includes(one)).slice(0, room);
    this.#known = [...pointed, ...others].filter((one) => this.#given.includes(one) || added.includes(one));
  }

  /** Begins the next round. @returns how long to wait before, in milliseconds: doubles with every round, up to a bound */
  again(): number {
    this.#asked = new Set();
    const waitMs = adminLimits.roundWaitMsMin * 2 ** Math.min(this.#rounds, 16);
    this.#rounds++;
    return Math.min(waitMs, adminLimits.roundWaitMsMax);
  }
}
