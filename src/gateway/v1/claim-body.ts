import { limits } from "../../contract/index.js";
import { invalidBody, invalidRequest } from "../api-error.js";
import { checkDocument } from "../json-document.js";
import { integerAt, JsonScanner, MemberSlots } from "../json-scanner.js";

export interface ClaimTerms {
  readonly ttlSec: number;
  readonly graceSec: number;
  /** Some clients say it here instead of in the query. */
  readonly limit: number | undefined;
}

const TTL = 0;
const GRACE = 1;
const LIMIT = 2;
const slots = new MemberSlots(["ttl", "grace", "limit"]);

/** `{"ttl": …, "grace": …}`, both required. Throws ApiError 400. */
export function readNewClaim(body: Buffer, depthMax: number): ClaimTerms {
  readMembers(body, depthMax);
  return { ttlSec: readTtl(body), graceSec: readGrace(body), limit: readLimit(body) };
}

/** `{"ttl": …[, "grace": …]}`; grace 0, or none: messages are not kept beyond the claim. Throws ApiError 400. */
export function readRenewal(body: Buffer, depthMax: number): ClaimTerms {
  readMembers(body, depthMax);
  return { ttlSec: readTtl(body), graceSec: hasGrace(body) ? readGrace(body) : 0, limit: undefined };
}

function hasGrace(body: Buffer): boolean {
  return slots.has(GRACE) && integerAt(body, slots.start(GRACE), slots.end(GRACE)) !== 0;
}

function readMembers(body: Buffer, depthMax: number): void {
  if (checkDocument(body) !== "object") throw invalidBody("The request body must be a JSON object.");
  new JsonScanner(body, depthMax).readObject(slots);
}

function readTtl(body: Buffer): number {
  return readSeconds(body, TTL, "ttl", limits.claimTtlSecMin, limits.claimTtlSecMax);
}

function readGrace(body: Buffer): number {
  return readSeconds(body, GRACE, "grace", limits.claimGraceSecMin, limits.claimGraceSecMax);
}

function readSeconds(body: Buffer, slot: number, name: string, min: number, max: number): number {
  if (!slots.has(slot)) throw invalidBody(`The claim has no "${name}".`);
  const value = integerAt(body, slots.start(slot), slots.end(slot));
  if (value === undefined) throw invalidBody(`The "${name}" of a claim must be an integer.`);
  if (value >= min && value <= max) return value;
  throw invalidRequest(
    `The "${name}" of a claim may not exceed ${max} seconds, and must be at least ${min} seconds long.`,
  );
}

/** Only a sensible one counts: servers that ignored it must not have taught clients otherwise. */
function readLimit(body: Buffer): number | undefined {
  const limit = slots.has(LIMIT) ? integerAt(body, slots.start(LIMIT), slots.end(LIMIT)) : undefined;
  return limit !== undefined && limit >= 1 && limit <= limits.pageMax ? limit : undefined;
}
