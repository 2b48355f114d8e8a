import type { IncomingMessage, ServerResponse } from "node:http";
import { unescape } from "node:querystring";
import type { GatewayLimits } from "./limits.js";
import { QueryParameters } from "./query.js";
import { type ExchangeContext, readBody } from "./request-body.js";

/** One request on its way to its reply. The checks fill in who asks and for what; handlers read it. */
export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly method: string;
  /** Decoded. */
  readonly path: string;
  /** Path and query as they came, in printable ASCII: the value of Content-Location. */
  readonly target: string;
  /** "" for the nameless tenant. */
  project = "";
  /** 16 bytes; undefined when the client did not say. */
  clientId: Uint8Array | undefined;
  /** What the path says in the places of its parameters. */
  readonly captures: string[] = [];
  /** The client waits for "100 Continue" before it sends its body. */
  readonly expectsContinue: boolean;
  /** Set when the connection cannot be used again, because part of the request stays unread. */
  closeConnection = false;
  /** Bytes of the body that are counted against the budget. */
  heldBytes = 0;
  readonly #context: ExchangeContext;
  readonly #queryText: string;
  #query: QueryParameters | undefined;

  constructor(request: IncomingMessage, response: ServerResponse, context: ExchangeContext, expectsContinue: boolean) {
    this.request = request;
    this.response = response;
    this.method = request.method ?? "";
    const target = originForm(request.url ?? "");
    const question = target.indexOf("?");
    const rawPath = question < 0 ? target : target.slice(0, question);
    this.path = rawPath.includes("%") ? unescape(rawPath) : rawPath;
    this.target = target;
    this.#queryText = question < 0 ? "" : target.slice(question + 1);
    this.#context = context;
    this.expectsContinue = expectsContinue;
  }

  /** The queue's name; "" on routes without one. */
  get queue(): string {
    return this.captures[0] ?? "";
  }

  /** The id of a message or claim; "" on routes without one. */
  get item(): string {
    return this.captures[1] ?? "";
  }

  get query(): QueryParameters {
    return (this.#query ??= new QueryParameters(this.#queryText));
  }

  get limits(): GatewayLimits {
    return this.#context.limits;
  }

  /**
   * The whole body, at most `bytesMax` bytes. Rejects with ApiError 400 for a larger one, MarconiError `overloaded` when no
   * memory is left for it, and ClientGone when the client went away.
   */
  body(bytesMax: number): Promise<Buffer> {
    return readBody(this, bytesMax, this.#context);
  }
}

/** Takes scheme and host off the absolute form, which proxies may use, and makes the rest safe for a header. */
function originForm(url: string): string {
  let target = url;
  if (!target.startsWith("/")) {
    const authority = target.indexOf("://");
    const slash = authority < 0 ? -1 : target.indexOf("/", authority + 3);
    if (slash < 0) return authority < 0 ? target : "/";
    target = target.slice(slash);
  }
  if (!/^[\x21-\x7e]*$/.test(target)) {
    target = target.replace(
      /[^\x21-\x7e]/g,
      (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
    );
  }
  return target;
}
