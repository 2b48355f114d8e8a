import { type ClaimId, formatClaimId, formatMessageId, type MessageId } from "../../contract/index.js";

export const prefix = "/v1";

/** Queue names need no percent-encoding: what would is not a name. */
export function queuePath(queue: string): string {
  return `${prefix}/queues/${queue}`;
}

export function messagesPath(queue: string): string {
  return `${prefix}/queues/${queue}/messages`;
}

export function messagePath(queue: string, id: MessageId): string {
  return `${messagesPath(queue)}/${formatMessageId(id.incarnation, id.sequence)}`;
}

export function claimPath(queue: string, claim: ClaimId): string {
  return `${prefix}/queues/${queue}/claims/${formatClaimId(claim)}`;
}
