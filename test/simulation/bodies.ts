const QUOTE = 0x22;
const DOT = 0x2e;
const LETTER = 0x6d;
const ZERO = 0x30;

const isDigit = (byte: number): boolean => byte >= ZERO && byte < ZERO + 10;

/** The JSON text of message `number`: its name, filled up with dots to `bytesMin` bytes without the last quote. */
export function writeBody(number: number, bytesMin: number): Buffer {
  const head = `"m${String(number)}`;
  const body = Buffer.alloc(Math.max(bytesMin, head.length) + 1, DOT);
  body.write(head, "latin1");
  body[body.length - 1] = QUOTE;
  return body;
}

/**
 * What stands for a body in a history: its number and length when it is, byte for byte, what `writeBody` makes; else all of its
 * text, which nobody posted. Histories of thousands of messages are compared by these.
 */
export function nameOfBody(body: Uint8Array): string {
  const last = body.length - 1;
  let number = 0;
  let at = 2;
  for (; at < last && isDigit(body[at] as number); at++) number = number * 10 + (body[at] as number) - ZERO;
  const name = `m${String(number)}`;
  const isWhole = body[0] === QUOTE && body[1] === LETTER && body[last] === QUOTE && at === name.length + 1;
  while (at < last && body[at] === DOT) at++;
  if (isWhole && at === last) return `${name}/${String(body.length)}`;
  return Buffer.from(body).toString("latin1");
}
