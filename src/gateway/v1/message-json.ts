import { type ClaimId, formatClaimId, type StoredMessage } from "../../contract/index.js";
import { JsonText } from "../json-text.js";
import { messagePath } from "./paths.js";

/** A message of version 1 has exactly these members. `claim` goes into the href: set for the messages of a claim only. */
export function writeMessage(text: JsonText, queue: string, message: StoredMessage, claim: ClaimId | undefined): void {
  const { id, ttlSec, ageSec, body } = message;
  const suffix = claim === undefined ? "" : `?claim_id=${formatClaimId(claim)}`;
  text.ascii(`{"href": "${messagePath(queue, id)}${suffix}", "ttl": ${ttlSec}, "age": ${ageSec}, "body": `);
  text.bytes(body).ascii("}");
}

/** A JSON array of messages. */
export function writeMessages(
  text: JsonText,
  queue: string,
  messages: readonly StoredMessage[],
  claim: ClaimId | undefined,
): JsonText {
  text.ascii("[");
  for (let i = 0; i < messages.length; i++) {
    if (i > 0) text.ascii(", ");
    writeMessage(text, queue, messages[i] as StoredMessage, claim);
  }
  return text.ascii("]");
}
