import { isUtf8 } from "node:buffer";
import { invalidBody } from "./api-error.js";

export type DocumentKind = "array" | "object";

const OPEN_BRACKET = 0x5b;
const OPEN_BRACE = 0x7b;

/**
 * Whether the bytes are UTF-8 and one JSON array or object; throws ApiError 400 otherwise. Nothing is kept of the parsed value:
 * numbers like 9007199254740993 or 1.0 would not survive it. `JsonScanner` then takes the bytes apart.
 */
export function checkDocument(bytes: Buffer): DocumentKind {
  if (bytes.length === 0) throw invalidBody("The request body may not be empty.");
  if (!isUtf8(bytes)) throw invalidBody("The request body could not be parsed: it is not UTF-8.");
  try {
    // Bytes above 127 may stand in strings only, where any will do: read as Latin-1 they need no decoding.
    JSON.parse(bytes.toString("latin1"));
  } catch {
    throw invalidBody("The request body could not be parsed: it is not JSON.");
  }
  const first = bytes[firstByte(bytes)];
  if (first === OPEN_BRACKET) return "array";
  if (first === OPEN_BRACE) return "object";
  throw invalidBody("The request body could not be parsed: it must be a JSON object or array.");
}

function firstByte(bytes: Buffer): number {
  let at = 0;
  while ((bytes[at] as number) <= 0x20) at++;
  return at;
}
