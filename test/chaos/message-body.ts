import { crc32c } from "../../src/base/index.js";

/** A body that is posted once in a run: `k` names it, the padding gives it a size. */
export interface MessageBody {
  readonly k: string;
  readonly p: string;
}

/** The name under which a history knows a body: its key, and a checksum of all of it. */
export function bodyHash(body: unknown): string {
  const text = JSON.stringify(body);
  const checksum = crc32c(Buffer.from(text)).toString(16);
  const key = typeof body === "object" && body !== null && "k" in body ? String(body.k) : "?";
  return `${key}.${checksum}`;
}
