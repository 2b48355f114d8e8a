/**
 * The domain's words: limits, errors, identities, and the port between the gateway and the cluster. Imports only `base`.
 */
export { type ErrorCode, errorCatalogue, type ErrorDefinition, MarconiError } from "./errors.js";
export { type ClaimId, formatClaimId, formatMessageId, type MessageId, parseClaimId, parseMessageId } from "./ids.js";
export { limits } from "./limits.js";
export { RequestStatus } from "./request-status.js";
export type {
  ClaimOptions,
  ClaimView,
  DeleteOutcome,
  ListMessagesOptions,
  MessageBatch,
  MessageMark,
  MessagePage,
  NewClaim,
  PostedMessages,
  QueueEntry,
  QueueService,
  QueueStats,
  StoredMessage,
} from "./service.js";
