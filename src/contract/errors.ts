/**
 * The one catalogue of operating errors. `effect` answers the question that a client has after any error: may the write have
 * happened? `none`: certainly not; `unknown`: it may have, and only a retry under the same request id is safe.
 */
export interface ErrorDefinition {
  readonly status: number;
  readonly title: string;
  readonly effect: "none" | "unknown";
  readonly retriable: boolean;
}

const busy = "Service temporarily unavailable";

export const errorCatalogue = {
  "no-leader": { status: 503, title: busy, effect: "none", retriable: true },
  overloaded: { status: 503, title: busy, effect: "none", retriable: true },
  "storage-full": { status: 503, title: busy, effect: "none", retriable: true },
  "shutting-down": { status: 503, title: busy, effect: "none", retriable: true },
  "unknown-outcome": { status: 503, title: busy, effect: "unknown", retriable: false },
  "too-large": { status: 400, title: "Invalid request body", effect: "none", retriable: false },
  internal: { status: 500, title: "Internal server error", effect: "unknown", retriable: false },
} as const satisfies Record<string, ErrorDefinition>;

export type ErrorCode = keyof typeof errorCatalogue;

/** An operating error: expected, catalogued, safe to show. */
export class MarconiError extends Error {
  override readonly name = "MarconiError";
  readonly code: ErrorCode;
  /** When a client may try again, in seconds; undefined where trying again does not help. */
  readonly retryAfterSec: number | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options?: { readonly cause?: unknown; readonly retryAfterSec?: number },
  ) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryAfterSec = options?.retryAfterSec ?? (errorCatalogue[code].retriable ? 1 : undefined);
  }

  get definition(): ErrorDefinition {
    return errorCatalogue[this.code];
  }
}
