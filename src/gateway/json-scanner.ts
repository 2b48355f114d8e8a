import { assert } from "../base/index.js";
import { invalidBody } from "./api-error.js";

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const UPPER_E = 0x45;
const LOWER_E = 0x65;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

const INT64_DIGITS = 19;
const INT64_MAX = "9223372036854775807";
const INT64_MIN_MAGNITUDE = "9223372036854775808";

/** From this length on the rest of a string is searched for its end: about where that beats a loop. */
const SEARCH_BYTES_MIN = 24;

/** Where the values of wanted members stand in their document. One is used again for every object of a request. */
export class MemberSlots {
  readonly names: readonly Buffer[];
  readonly #starts: Int32Array;
  readonly #ends: Int32Array;

  constructor(names: readonly string[]) {
    this.names = names.map((name) => Buffer.from(name));
    this.#starts = new Int32Array(names.length);
    this.#ends = new Int32Array(names.length);
  }

  clear(): void {
    this.#starts.fill(-1);
  }

  set(slot: number, start: number, end: number): void {
    this.#starts[slot] = start;
    this.#ends[slot] = end;
  }

  /** The first wanted name that the object did not have. */
  missing(): string | undefined {
    return this.names[this.#starts.indexOf(-1)]?.toString();
  }

  has(slot: number): boolean {
    return (this.#starts[slot] as number) >= 0;
  }

  start(slot: number): number {
    return this.#starts[slot] as number;
  }

  end(slot: number): number {
    return this.#ends[slot] as number;
  }
}

/**
 * Walks over bytes that `checkDocument` has passed and finds where values begin and end, so that they can be kept byte for byte.
 * One pass, no recursion, no allocation per value. Refuses on the way what JSON allows and the contract does not: integers
 * outside signed 64 bits (section 1.4), and nesting beyond `depthMax`.
 */
export class JsonScanner {
  readonly #bytes: Buffer;
  readonly #depthMax: number;
  #at = 0;

  constructor(bytes: Buffer, depthMax: number) {
    this.#bytes = bytes;
    this.#depthMax = depthMax;
  }

  /** Walks over the whole document, for the sake of what is refused on the way. */
  readWhole(): void {
    this.#skipSpace();
    this.#skipValue();
  }

  /** Steps into the array that comes next. True: its first element comes next; false: it has none. */
  firstElement(): boolean {
    this.#expect(OPEN_BRACKET);
    if (this.#skipSpace() !== CLOSE_BRACKET) return true;
    this.#at++;
    return false;
  }

  /** True: the next element of the array comes next; false: that was the last. */
  nextElement(): boolean {
    const byte = this.#skipSpace();
    assert(byte === COMMA || byte === CLOSE_BRACKET, "no comma and no end after an element");
    this.#at++;
    return byte === COMMA;
  }

  /** Whether an object comes next. */
  atObject(): boolean {
    return this.#skipSpace() === OPEN_BRACE;
  }

  /** Walks over the object that comes next and notes the values of wanted members; of repeated names the last counts. */
  readObject(slots: MemberSlots): void {
    slots.clear();
    this.#expect(OPEN_BRACE);
    if (this.#skipSpace() === CLOSE_BRACE) {
      this.#at++;
      return;
    }
    for (;;) {
      this.#skipSpace();
      const slot = this.#readName(slots);
      this.#skipSpace();
      // The colon.
      this.#at++;
      this.#skipSpace();
      const start = this.#at;
      this.#skipValue();
      if (slot >= 0) slots.set(slot, start, this.#at);
      const byte = this.#skipSpace();
      this.#at++;
      if (byte === CLOSE_BRACE) return;
      assert(byte === COMMA, "no comma and no end after a member");
    }
  }

  #skipValue(): void {
    const bytes = this.#bytes;
    // Two levels may be open around this value: the array of the request and the object in it.
    const depthMax = this.#depthMax - 2;
    let depth = 0;
    do {
      const byte = bytes[this.#at] as number;
      assert(this.#at < bytes.length, "a value runs over the end");
      if (byte === QUOTE) this.#skipString();
      else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        if (++depth > depthMax) throw invalidBody(`JSON may be nested at most ${this.#depthMax} levels deep.`);
        this.#at++;
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        depth--;
        this.#at++;
      } else if (byte === MINUS || (byte >= ZERO && byte <= NINE)) this.#skipNumber();
      else if (byte >= 0x61) this.#skipWord();
      // Space, comma or colon, all of them between the parts of an array or object.
      else this.#at++;
    } while (depth > 0);
  }

  #skipSpace(): number {
    let byte = this.#bytes[this.#at] as number;
    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = this.#bytes[++this.#at] as number;
    return byte;
  }

  #expect(byte: number): void {
    assert(this.#skipSpace() === byte, "not what the document was said to hold");
    this.#at++;
  }

  /** The slot of the name that comes next, or -1. */
  #readName(slots: MemberSlots): number {
    const start = this.#at + 1;
    const escaped = this.#skipName();
    const end = this.#at - 1;
    if (escaped) {
      const name = JSON.parse(this.#bytes.toString("utf8", start - 1, end + 1)) as string;
      return slots.names.findIndex((wanted) => wanted.toString() === name);
    }
    for (let slot = 0; slot < slots.names.length; slot++) {
      const wanted = slots.names[slot] as Buffer;
      if (wanted.length !== end - start) continue;
      let i = 0;
      while (i < wanted.length && wanted[i] === this.#bytes[start + i]) i++;
      if (i === wanted.length) return slot;
    }
    return -1;
  }

  /** True when it holds escapes. For names, which are short. */
  #skipName(): boolean {
    const bytes = this.#bytes;
    let escaped = false;
    let at = this.#at + 1;
    for (let byte = bytes[at]; byte !== QUOTE; byte = bytes[++at]) {
      assert(byte !== undefined, "a name runs over the end");
      if (byte !== BACKSLASH) continue;
      escaped = true;
      at++;
    }
    this.#at = at + 1;
    return escaped;
  }

  /** Byte by byte while the string is short or full of escapes, by native search otherwise: each is slow at the other. */
  #skipString(): void {
    const bytes = this.#bytes;
    let at = this.#at + 1;
    for (;;) {
      for (const end = Math.min(at + SEARCH_BYTES_MIN, bytes.length); at < end; at++) {
        const byte = bytes[at];
        if (byte === BACKSLASH) at++;
        else if (byte === QUOTE) {
          this.#at = at + 1;
          return;
        }
      }
      const quote = bytes.indexOf(QUOTE, at);
      assert(quote >= 0, "a string runs over the end");
      let backslashes = 0;
      while (quote - backslashes > at && bytes[quote - backslashes - 1] === BACKSLASH) backslashes++;
      at = quote + 1;
      if (backslashes % 2 === 0) {
        this.#at = at;
        return;
      }
    }
  }

  /** `true`, `false` or `null`. */
  #skipWord(): void {
    let byte = this.#bytes[++this.#at] as number;
    while (byte >= 0x61 && byte <= 0x7a) byte = this.#bytes[++this.#at] as number;
  }

  #skipNumber(): void {
    const bytes = this.#bytes;
    const start = this.#at;
    let at = start + 1;
    let integer = true;
    for (let byte = bytes[at] as number; ; byte = bytes[++at] as number) {
      if (byte >= ZERO && byte <= NINE) continue;
      if (byte === DOT || byte === LOWER_E || byte === UPPER_E) integer = false;
      else if (byte !== MINUS && byte !== 0x2b) break;
    }
    this.#at = at;
    if (integer && at - start >= INT64_DIGITS) checkInt64(bytes.toString("latin1", start, at));
  }
}

/** JSON has no leading zeros, so digits of the same length compare like numbers. */
function checkInt64(text: string): void {
  const negative = text.startsWith("-");
  const digits = negative ? text.slice(1) : text;
  const bound = negative ? INT64_MIN_MAGNITUDE : INT64_MAX;
  if (digits.length < INT64_DIGITS || (digits.length === INT64_DIGITS && digits <= bound)) return;
  throw invalidBody("Integers must be between -9223372036854775808 and 9223372036854775807.");
}

/**
 * The integer that stands at [start, end), or undefined when there is another kind of value: `300.0` and `"300"` are not
 * integers, `true` and `false` are 1 and 0 (section 1.4).
 */
export function integerAt(bytes: Buffer, start: number, end: number): number | undefined {
  let at = start;
  const negative = bytes[at] === MINUS;
  if (negative) at++;
  let value = 0;
  for (let i = at; i < end; i++) {
    const byte = bytes[i] as number;
    if (byte < ZERO || byte > NINE) return booleanAsInteger(bytes.toString("latin1", start, end));
    value = value * 10 + (byte - ZERO);
  }
  return negative ? -value : value;
}

function booleanAsInteger(text: string): number | undefined {
  if (text === "true") return 1;
  return text === "false" ? 0 : undefined;
}
