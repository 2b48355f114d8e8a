const CARRIAGE_RETURN = 13;
const LINE_FEED = 10;
const COLON = 58;
const DASH = 45;
const ZERO = 48;
const LOWER = 0x20;

/** Longer than any answer that a benchmark asks for. */
const ANSWER_BYTES_MAX = 1_048_576;

export type OnResponse = (status: number, bytes: Buffer, bodyStart: number, bodyEnd: number) => void;

/**
 * Reads the answers of one HTTP/1.1 connection that has one request under way at a time: the status and the body's place, and
 * nothing else. Throws for what it does not understand; a benchmark that misreads must not go on.
 */
export class ResponseReader {
  /** The server announced that it will hang up after this answer. */
  closing = false;
  readonly #onResponse: OnResponse;
  #carry: Buffer | undefined;
  #carried = 0;
  // What the last head said.
  #status = 0;
  #contentLength = 0;

  constructor(onResponse: OnResponse) {
    this.#onResponse = onResponse;
  }

  /** `bytes` are read before this returns and may be overwritten afterwards. */
  feed(bytes: Buffer, length: number): void {
    if (this.#carried === 0 && this.#answer(bytes, length)) return;
    this.#carry ??= Buffer.allocUnsafe(ANSWER_BYTES_MAX);
    if (this.#carried + length > ANSWER_BYTES_MAX) throw new Error("an answer is too long");
    bytes.copy(this.#carry, this.#carried, 0, length);
    this.#carried += length;
    const total = this.#carried;
    // Before it is answered: the next request may be written from within.
    this.#carried = 0;
    if (!this.#answer(this.#carry, total)) this.#carried = total;
  }

  /** False when the answer is not complete yet. */
  #answer(bytes: Buffer, length: number): boolean {
    const bodyStart = this.#readHead(bytes, length);
    if (bodyStart < 0) return false;
    const bodyEnd = bodyStart + this.#contentLength;
    if (length < bodyEnd) return false;
    if (length > bodyEnd) throw new Error("more came than was asked for");
    this.#onResponse(this.#status, bytes, bodyStart, bodyEnd);
    return true;
  }

  /** Where the body begins; -1 when the head is not complete. */
  #readHead(bytes: Buffer, length: number): number {
    if (length < 16) return -1;
    this.#status =
      ((bytes[9] as number) - ZERO) * 100 + ((bytes[10] as number) - ZERO) * 10 + ((bytes[11] as number) - ZERO);
    this.#contentLength = 0;
    let line = 12;
    for (;;) {
      while (line < length && bytes[line] !== LINE_FEED) line++;
      line += 1;
      if (line + 1 >= length) return -1;
      const first = bytes[line] as number;
      if (first === CARRIAGE_RETURN) return line + 2;
      const letter = first | LOWER;
      if (letter === 0x63) this.#readLength(bytes, line);
      else if (letter === 0x74 && bytes[line + 8] === DASH && bytes[line + 17] === COLON)
        throw new Error("the answer has a transfer encoding, which this reader does not know");
    }
  }

  /** A line that begins with a C: `Content-Length:` or `Connection: close`. */
  #readLength(bytes: Buffer, line: number): void {
    if (bytes[line + 10] === COLON && ((bytes[line + 12] as number) | LOWER) === 0x63) this.closing = true;
    if (bytes[line + 7] !== DASH || bytes[line + 14] !== COLON) return;
    if (((bytes[line + 8] as number) | LOWER) !== 0x6c) return;
    let at = line + 15;
    while (bytes[at] === LOWER) at++;
    let value = 0;
    for (let digit = bytes[at] as number; digit >= ZERO && digit <= ZERO + 9; digit = bytes[++at] as number)
      value = value * 10 + digit - ZERO;
    this.#contentLength = value;
  }
}
