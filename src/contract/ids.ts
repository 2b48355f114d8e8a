/** A message is known by its queue's incarnation (a queue that is deleted and made again is another one) and its place in it. */
export interface MessageId {
  /** Unique among the queues of a partition for ever; 1 <= incarnation < 2^48. */
  readonly incarnation: number;
  /** Ascends by one per message of the queue, from 1; below 2^48. */
  readonly sequence: number;
}

/** A claim is known by the log entry that made it and its place among the commands of that entry. */
export interface ClaimId {
  /** 1 <= index < 2^48. */
  readonly index: number;
  /** 0 <= ordinal < 2^32. */
  readonly ordinal: number;
}

const HEX_12 = 12;

/** 24 lower-case hex digits, opaque to clients. */
export function formatMessageId(incarnation: number, sequence: number): string {
  return incarnation.toString(16).padStart(HEX_12, "0") + sequence.toString(16).padStart(HEX_12, "0");
}

/** Undefined for anything that formatMessageId does not write: such a message does not exist. */
export function parseMessageId(text: string): MessageId | undefined {
  if (!/^[0-9a-f]{24}$/.test(text)) return undefined;
  return { incarnation: parseInt(text.slice(0, HEX_12), 16), sequence: parseInt(text.slice(HEX_12), 16) };
}

/** 20 lower-case hex digits, opaque to clients. */
export function formatClaimId(claim: ClaimId): string {
  return claim.index.toString(16).padStart(HEX_12, "0") + claim.ordinal.toString(16).padStart(8, "0");
}

/** Undefined for anything that formatClaimId does not write: a malformed claim id. */
export function parseClaimId(text: string): ClaimId | undefined {
  if (!/^[0-9a-f]{20}$/.test(text)) return undefined;
  return { index: parseInt(text.slice(0, HEX_12), 16), ordinal: parseInt(text.slice(HEX_12), 16) };
}
