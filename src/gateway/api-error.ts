import { MarconiError } from "../contract/index.js";
import { errorReply, type Reply } from "./reply.js";

/** An answer of 400 or above, raised where the fault is found. Section 2 of the API contract has the titles. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  readonly title: string;
  readonly headers: readonly string[];

  /** `description` names the field and the limit; `headers` are name, value, name, value. */
  constructor(status: number, title: string, description: string, headers: readonly string[] = []) {
    super(description);
    this.status = status;
    this.title = title;
    this.headers = headers;
  }
}

/** A value out of its range or against a rule. */
export function invalidRequest(description: string): ApiError {
  return new ApiError(400, "Invalid API request", description);
}

/** A body that is missing, unparsable, of the wrong type, or lacks a member. */
export function invalidBody(description: string): ApiError {
  return new ApiError(400, "Invalid request body", description);
}

export function invalidParameter(name: string, must: string): ApiError {
  return new ApiError(400, "Invalid parameter", `The "${name}" parameter is invalid. The value must be ${must}.`);
}

export function notFound(description: string): ApiError {
  return new ApiError(404, "Not found", description);
}

export function unableToDelete(status: 400 | 403, description: string): ApiError {
  return new ApiError(status, "Unable to delete", description);
}

/** The answer to a catalogued error of the cluster. */
export function marconiErrorReply(error: MarconiError): Reply {
  const { status, title } = error.definition;
  if (error.retryAfterSec === undefined) return errorReply(status, title, error.message);
  // The header takes whole seconds.
  const again = Math.max(1, Math.ceil(error.retryAfterSec));
  const advice = `Please try again in ${again} second${again === 1 ? "" : "s"}.`;
  const separator = /[.!?]$/.test(error.message) ? " " : ". ";
  return errorReply(status, title, error.message + separator + advice, ["Retry-After", String(again)]);
}
