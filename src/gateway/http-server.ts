import { createServer, type Server, type ServerResponse, STATUS_CODES } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { Logger } from "../telemetry/index.js";
import type { Admission } from "./admission.js";
import type { Dispatcher } from "./dispatcher.js";
import type { HttpMetrics } from "./http-metrics.js";
import type { GatewayLimits } from "./limits.js";
import { errorReply, type Reply } from "./reply.js";
import type { UnsentAnswers } from "./unsent-answers.js";

export interface HttpServerOptions {
  readonly dispatcher: Dispatcher;
  readonly admission: Admission;
  readonly unsent: UnsentAnswers;
  readonly metrics: HttpMetrics;
  readonly limits: GatewayLimits;
  readonly log: Logger;
}

/** Sockets, timeouts and their bounds: everything about HTTP that is not about Marconi. */
export class HttpServer {
  readonly #options: HttpServerOptions;
  readonly #server: Server;
  #sweep: NodeJS.Timeout | undefined;

  constructor(options: HttpServerOptions) {
    this.#options = options;
    const { limits, dispatcher, metrics } = options;
    const server = createServer({
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      connectionsCheckingInterval: limits.timeoutCheckMs,
      keepAlive: true,
      keepAliveInitialDelay: limits.tcpKeepAliveMs,
      noDelay: true,
    });
    server.maxConnections = limits.connectionsMax;
    server.on("request", (request, response) => dispatcher.handle(request, response, false));
    server.on("checkContinue", (request, response) => dispatcher.handle(request, response, true));
    server.on("clientError", (error: NodeJS.ErrnoException, socket) => refuse(error, socket, metrics));
    server.on("drop", () => metrics.reject("connections"));
    this.#server = server;
  }

  /** Port 0: any free one. Rejects when the address cannot be listened on. */
  async listen(port: number, host: string): Promise<AddressInfo> {
    const server = this.#server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ port, host, backlog: 1_024 }, () => {
        server.off("error", reject);
        resolve();
      });
    });
    const { unsent, metrics, limits, log } = this.#options;
    // No file descriptor left for a connection, for instance: the next one may find one.
    server.on("error", (error) => log.error({ err: error }, "a connection could not be accepted"));
    this.#sweep = setInterval(() => {
      const count = unsent.cutOff(performance.now());
      if (count > 0) metrics.reject("slow-reader", count);
    }, limits.timeoutCheckMs).unref();
    return server.address() as AddressInfo;
  }

  /**
   * Accepts no more and ends when nothing is in work any longer, after `graceMs` in any case. Node itself would wait for
   * connections on which no request ever came, as browsers and load balancers hold them.
   */
  async close(graceMs: number): Promise<void> {
    const { dispatcher, admission, limits } = this.#options;
    dispatcher.closing = true;
    clearInterval(this.#sweep);
    const server = this.#server;
    if (!server.listening) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    const deadlineMs = performance.now() + graceMs;
    const check = setInterval(() => {
      const quiet = admission.requests === 0 && admission.bytes === 0;
      if (quiet || performance.now() >= deadlineMs) server.closeAllConnections();
    }, limits.closeCheckMs);
    await closed;
    clearInterval(check);
  }
}

/** What came in is not HTTP, too long, or too slow: there is no request to answer, only a socket. */
function refuse(error: NodeJS.ErrnoException, socket: Duplex, metrics: HttpMetrics): void {
  const timeout = error.code === "ERR_HTTP_REQUEST_TIMEOUT";
  if (timeout) metrics.reject("timeout");
  else if (error.code !== "ECONNRESET" && error.code !== "EPIPE") metrics.reject("malformed");
  // Node keeps the response that a socket is busy with under this name; its first bytes must not be followed by others.
  const { _httpMessage: busyWith } = socket as Duplex & { readonly _httpMessage?: ServerResponse | null };
  if (socket.writable && busyWith?.headersSent !== true) socket.write(rawAnswer(replyTo(error)));
  socket.destroy();
}

function replyTo(error: NodeJS.ErrnoException): Reply {
  if (error.code === "ERR_HTTP_REQUEST_TIMEOUT") {
    return errorReply(408, "Request timeout", "The request did not arrive completely in time.");
  }
  if (error.code === "HPE_HEADER_OVERFLOW") {
    return errorReply(431, "Request header fields too large", "Request line and headers are too long.");
  }
  return errorReply(400, "Bad request", "The request is not valid HTTP.");
}

function rawAnswer({ status, headers, body }: Reply): string {
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\nConnection: close\r\n`;
  for (let i = 0; i + 1 < headers.length; i += 2) head += `${headers[i] ?? ""}: ${headers[i + 1] ?? ""}\r\n`;
  const text = String(body);
  return `${head}Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
}
