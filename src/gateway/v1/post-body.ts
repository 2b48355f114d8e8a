import { MessageBatchWriter } from "../../command/index.js";
import { limits, type MessageBatch } from "../../contract/index.js";
import { invalidBody, invalidRequest } from "../api-error.js";
import { checkDocument } from "../json-document.js";
import { integerAt, JsonScanner, MemberSlots } from "../json-scanner.js";

const members = ["ttl", "body"];
const TTL = 0;
const BODY = 1;

/** One for all requests: a batch is read in one go, and a writer hands over its buffer with each batch. */
const slots = new MemberSlots(members);
const writer = new MessageBatchWriter();

/** `[{"ttl": …, "body": …}, …]`, at least one. Bodies are kept byte for byte. Throws ApiError 400. */
export function readPost(body: Buffer, depthMax: number): MessageBatch {
  if (checkDocument(body) !== "array") throw invalidBody("The request body must be an array of messages.");
  const scanner = new JsonScanner(body, depthMax);
  if (!scanner.firstElement()) throw invalidBody("The request body must hold at least one message.");
  try {
    do {
      const index = writer.count;
      if (!scanner.atObject())
        throw invalidBody(`Message ${index} must be an object with the members "ttl" and "body".`);
      scanner.readObject(slots);
      writer.add(readTtl(body, index), body.subarray(slots.start(BODY), slots.end(BODY)));
    } while (scanner.nextElement());
  } catch (error) {
    writer.finish();
    throw error;
  }
  return writer.finish();
}

function readTtl(body: Buffer, index: number): number {
  const missing = slots.missing();
  if (missing !== undefined) throw invalidBody(`Message ${index} has no "${missing}".`);
  const ttlSec = integerAt(body, slots.start(TTL), slots.end(TTL));
  if (ttlSec === undefined) throw invalidBody(`The "ttl" of message ${index} must be an integer.`);
  const { messageTtlSecMin: min, messageTtlSecMax: max } = limits;
  if (ttlSec >= min && ttlSec <= max) return ttlSec;
  throw invalidRequest(
    `The TTL for a message may not exceed ${max} seconds, and must be at least ${min} seconds long ("ttl" of message ${index}).`,
  );
}
