import http from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/** Above the gateway's own bound on a request, so that silence means a hang. */
const TIMEOUT_MS = 30_000;

export interface Answer {
  /** 0: none came. */
  readonly status: number;
  readonly location: string;
  /** Undefined: it was not said that this may be asked again. */
  readonly retryAfterSec: number | undefined;
  readonly body: unknown;
  readonly error: string;
  /** Of the monotonic clock, milliseconds. */
  readonly invoke: number;
  readonly complete: number;
}

/** An answer, and what came before it. */
export interface LastAnswer extends Answer {
  /** When it was first asked for; earlier than `invoke` if it was refused for a while. */
  readonly firstInvoke: number;
  readonly attempts: number;
}

/**
 * Requests over kept-alive connections. What is refused with `Retry-After` is asked again after that, as clients should, for as
 * long as it is told to. Never rejects: no answer is an answer too.
 */
export class HttpClient {
  readonly #host: string;
  readonly #port: number;
  readonly #clientId: string;
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: Infinity });

  readonly #retryMs: number;

  constructor(host: string, port: number, clientId: string, retryMs: number) {
    this.#host = host;
    this.#port = port;
    this.#clientId = clientId;
    this.#retryMs = retryMs;
  }

  async request(method: string, path: string, body?: unknown): Promise<LastAnswer> {
    const firstInvoke = performance.now();
    for (let attempts = 1; ; attempts++) {
      const answer = await this.#ask(method, path, body);
      const { retryAfterSec } = answer;
      if (retryAfterSec === undefined || performance.now() - firstInvoke >= this.#retryMs)
        return { ...answer, firstInvoke, attempts };
      await sleep(retryAfterSec * 1_000);
    }
  }

  #ask(method: string, path: string, body: unknown): Promise<Answer> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers: Record<string, string | number> = { "Client-ID": this.#clientId };
    if (text !== undefined) {
      headers["Content-Type"] = "application/json";
      headers["Content-Length"] = Buffer.byteLength(text);
    }
    const invoke = performance.now();
    return new Promise((resolve) => {
      const none = { status: 0, location: "", retryAfterSec: undefined, body: undefined, error: "", invoke };
      const fail = (error: Error): void => resolve({ ...none, error: error.message, complete: performance.now() });
      const request = http.request(
        { host: this.#host, port: this.#port, method, path, headers, agent: this.#agent, timeout: TIMEOUT_MS },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.once("error", fail);
          response.once("end", () => {
            const complete = performance.now();
            const answer = parse(Buffer.concat(chunks).toString());
            const location = response.headers.location ?? "";
            const retryAfter = response.headers["retry-after"];
            const retryAfterSec = retryAfter === undefined ? undefined : Number(retryAfter);
            resolve({ ...none, ...answer, status: response.statusCode ?? 0, location, retryAfterSec, complete });
          });
        },
      );
      request.once("error", fail);
      request.once("timeout", () => request.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
      request.end(text);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

function parse(text: string): { body: unknown; error: string } {
  if (text === "") return { body: undefined, error: "" };
  try {
    return { body: JSON.parse(text), error: "" };
  } catch (error) {
    return { body: undefined, error: `${(error as Error).message}: ${text.slice(0, 200)}` };
  }
}
