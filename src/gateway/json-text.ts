/** Puts together JSON out of text that is known to be ASCII and bytes that must stay as they are; one copy at the end. */
export class JsonText {
  readonly #parts: (string | Uint8Array)[] = [];
  #length = 0;

  /** ASCII only. */
  ascii(text: string): this {
    this.#parts.push(text);
    this.#length += text.length;
    return this;
  }

  bytes(bytes: Uint8Array): this {
    this.#parts.push(bytes);
    this.#length += bytes.length;
    return this;
  }

  finish(): Buffer {
    const out = Buffer.allocUnsafe(this.#length);
    let at = 0;
    for (const part of this.#parts) {
      if (typeof part === "string") at += out.write(part, at, "latin1");
      else {
        out.set(part, at);
        at += part.length;
      }
    }
    return out;
  }
}
