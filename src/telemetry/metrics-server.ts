import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type OperationsAnswer, OperationsEndpoints, type OperationsOptions } from "./operations.js";

export interface MetricsServerOptions extends OperationsOptions {
  /** 0: any free port. */
  readonly port: number;
  readonly host: string;
}

export interface MetricsServer {
  readonly port: number;
  /** Ends at once: nobody's work depends on an answer. */
  close(): Promise<void>;
}

/** Scrapers and probes are few; more connections than this are somebody's mistake. */
const CONNECTIONS_MAX = 64;
const REQUEST_TIMEOUT_MS = 10_000;

/** Serves `/metrics`, `/health` and `/ready`. Rejects when the address cannot be listened on. */
export async function startMetricsServer(options: MetricsServerOptions): Promise<MetricsServer> {
  const endpoints = new OperationsEndpoints(options);
  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS, connectionsCheckingInterval: 1_000 },
    (request, response) => void respond(endpoints, request, response),
  );
  server.maxConnections = CONNECTIONS_MAX;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  // A connection that cannot be accepted, for want of file descriptors: the scraper comes again, and its gap shows.
  server.on("error", () => undefined);
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function respond(
  endpoints: OperationsEndpoints,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const answer = await answerTo(endpoints, request);
  response.writeHead(answer.status, {
    "Content-Type": answer.contentType,
    "Content-Length": Buffer.byteLength(answer.body),
    ...(answer.status === 405 ? { Allow: "GET, HEAD" } : {}),
  });
  response.end(request.method === "HEAD" ? undefined : answer.body);
}

async function answerTo(endpoints: OperationsEndpoints, request: IncomingMessage): Promise<OperationsAnswer> {
  if (request.method !== "GET" && request.method !== "HEAD") return plain(405, "method not allowed\n");
  try {
    const path = request.url?.split("?", 1)[0] ?? "";
    return (await endpoints.answer(path)) ?? plain(404, "not found: try /metrics, /health or /ready\n");
  } catch (error) {
    // A collector that throws must show up as a failed scrape, not as a dead process.
    return plain(500, `metrics cannot be collected: ${error instanceof Error ? error.message : String(error)}\n`);
  }
}

function plain(status: number, body: string): OperationsAnswer {
  return { status, contentType: "text/plain; charset=utf-8", body };
}
