import { assert } from "../base/index.js";

/** Counts what is in work, so that a flood is refused at the door instead of filling the memory. */
export class Admission {
  readonly #requestsMax: number;
  readonly #bytesMax: number;
  #requests = 0;
  #bytes = 0;

  constructor(requestsMax: number, bytesMax: number) {
    this.#requestsMax = requestsMax;
    this.#bytesMax = bytesMax;
  }

  get requests(): number {
    return this.#requests;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** False: too much in work, refuse it. After true, `leave` must follow once. */
  enter(): boolean {
    if (this.#requests >= this.#requestsMax || this.#bytes >= this.#bytesMax) return false;
    this.#requests++;
    return true;
  }

  leave(): void {
    assert(this.#requests > 0, "a request left that had not entered");
    this.#requests--;
  }

  /** False: no room for this body. After true, `release` of as much must follow. */
  hold(bytes: number): boolean {
    if (this.#bytes + bytes > this.#bytesMax) return false;
    this.#bytes += bytes;
    return true;
  }

  /** Counts what exists already, even beyond the bound: an answer that its client has not taken. */
  holdAnyway(bytes: number): void {
    this.#bytes += bytes;
  }

  release(bytes: number): void {
    assert(this.#bytes >= bytes, "more bytes released than held");
    this.#bytes -= bytes;
  }
}
