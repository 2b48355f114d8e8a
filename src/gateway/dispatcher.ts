import type { IncomingMessage, ServerResponse } from "node:http";
import { MarconiError } from "../contract/index.js";
import type { Logger, OperationsEndpoints } from "../telemetry/index.js";
import type { Admission } from "./admission.js";
import { ApiError, marconiErrorReply } from "./api-error.js";
import { checkHeaders } from "./check-headers.js";
import { Exchange } from "./exchange.js";
import type { HttpMetrics } from "./http-metrics.js";
import type { GatewayLimits } from "./limits.js";
import { empty, errorReply, type Reply } from "./reply.js";
import { ClientGone } from "./request-body.js";
import type { Route, RouteTable } from "./route-table.js";
import type { UnsentAnswers } from "./unsent-answers.js";

export interface DispatcherOptions {
  readonly routes: RouteTable;
  readonly operations: OperationsEndpoints | undefined;
  readonly admission: Admission;
  readonly unsent: UnsentAnswers;
  readonly metrics: HttpMetrics;
  readonly limits: GatewayLimits;
  readonly log: Logger;
}

/** What nginx notes for a client that left before its answer. */
const CLIENT_CLOSED_REQUEST = 499;

const unknownRoute = errorReply(404, "404 Not Found", "There is no such resource: see the version document at /.");

/** The one road of every request: route, admission, checks, method, handler, reply; and the one place where errors end. */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  /** When true, every answer closes its connection. */
  closing = false;

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  /** Never throws and never rejects: whatever happens ends in an answer or a closed socket. */
  handle(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    this.#serve(request, response, expectsContinue).catch((error: unknown) => {
      this.#options.log.error({ err: error, method: request.method, url: request.url }, "no answer could be sent");
      response.destroy();
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): Promise<void> {
    const { routes, metrics, admission } = this.#options;
    const startedMs = performance.now();
    const exchange = new Exchange(request, response, this.#options, expectsContinue);
    const route = routes.find(exchange.path, exchange.captures);
    let reply: Reply | undefined;
    if (route === undefined) reply = await this.#outsideApis(exchange);
    else if (admission.enter()) {
      try {
        reply = await answer(exchange, route);
      } catch (error) {
        reply = this.#failure(exchange, error);
      } finally {
        admission.leave();
        admission.release(exchange.heldBytes);
      }
    } else reply = this.#overloaded(exchange);
    const status = reply === undefined ? CLIENT_CLOSED_REQUEST : reply.status;
    if (reply !== undefined) this.#send(exchange, reply);
    metrics.observe(
      route === undefined ? -1 : route.index,
      exchange.method,
      status,
      (performance.now() - startedMs) / 1_000,
    );
  }

  async #outsideApis(exchange: Exchange): Promise<Reply> {
    const { operations } = this.#options;
    if (operations === undefined || exchange.method !== "GET") return unknownRoute;
    try {
      const found = await operations.answer(exchange.path);
      if (found === undefined) return unknownRoute;
      return { status: found.status, headers: ["Content-Type", found.contentType], body: found.body };
    } catch (error) {
      return this.#internalError(exchange, error);
    }
  }

  #overloaded(exchange: Exchange): Reply {
    const { metrics, limits } = this.#options;
    metrics.reject("overloaded");
    // Reading a body to its end is work too.
    exchange.closeConnection = exchange.request.headers["transfer-encoding"] !== undefined;
    const options = { retryAfterSec: limits.retryAfterSec };
    return marconiErrorReply(new MarconiError("overloaded", "The gateway has too many requests in work.", options));
  }

  /** Undefined: there is nobody to answer. */
  #failure(exchange: Exchange, error: unknown): Reply | undefined {
    if (error instanceof ApiError) {
      const { status, title, message, headers } = error;
      // A client that accepts no JSON gets none.
      return status === 406 ? empty(status, ["Vary", "Accept"]) : errorReply(status, title, message, headers);
    }
    if (error instanceof ClientGone) return undefined;
    if (!(error instanceof MarconiError)) return this.#internalError(exchange, error);
    if (error.code === "internal") this.#options.log.error({ err: error, path: exchange.path }, "internal error");
    else if (error.code === "overloaded") this.#options.metrics.reject("overloaded");
    return marconiErrorReply(error);
  }

  #internalError(exchange: Exchange, error: unknown): Reply {
    this.#options.log.error({ err: error, method: exchange.method, path: exchange.path }, "request failed");
    return errorReply(
      500,
      "Internal server error",
      "The server failed in a way that it did not expect. It has noted the details.",
    );
  }

  #send(exchange: Exchange, reply: Reply): void {
    const { response } = exchange;
    const { status, body } = reply;
    if (exchange.closeConnection || this.closing) response.shouldKeepAlive = false;
    if (body === undefined) {
      response.writeHead(
        status,
        status === 204 ? (reply.headers as string[]) : [...reply.headers, "Content-Length", "0"],
      );
      response.end();
      return;
    }
    const length = typeof body === "string" ? Buffer.byteLength(body) : body.length;
    response.writeHead(status, [...reply.headers, "Content-Length", String(length)]);
    response.end(body);
    if (response.writableLength > 0) {
      this.#options.unsent.add(response, response.writableLength, performance.now());
    }
  }
}

/** Header checks, method, handler: the order of section 1.3. */
function answer(exchange: Exchange, route: Route): Promise<Reply> | Reply {
  checkHeaders(exchange, route);
  const handler = route.handlers.get(exchange.method);
  if (handler !== undefined) return handler(exchange);
  const allow = ["Allow", route.allow];
  if (exchange.method === "OPTIONS") return empty(200, allow);
  throw new ApiError(405, "405 Method Not Allowed", `This resource answers to ${route.allow}.`, allow);
}
