import { type IncomingHttpHeaders, request } from "node:http";
import { connect } from "node:net";
import { createGateway, type GatewayLimits, type GatewayServer } from "../../src/gateway/index.js";
import { createLogger, createRegistry, type MetricsRegistry } from "../../src/telemetry/index.js";
import { FakeService } from "./fake-service.js";

export const CLIENT = "3381af92-2b9e-11e3-b191-71861300734c";
export const OTHER_CLIENT = "6c1a4ea0-1c2a-4f2e-8d0e-0f6b6a6f1c11";

export interface MessageJson {
  readonly href: string;
  readonly ttl: number;
  readonly age: number;
  readonly body: unknown;
}

/** Every member that some document has: which of them are there is what tests are about. */
export interface DocumentJson extends MessageJson {
  readonly title: string;
  readonly description: string;
  readonly queues: readonly { readonly name: string; readonly href: string; readonly metadata?: unknown }[];
  readonly messages: readonly MessageJson[];
  readonly links: readonly { readonly rel: string; readonly href: string }[];
  readonly resources: readonly string[];
  readonly partial: boolean;
  readonly versions: readonly object[];
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly bytes: Buffer;
  readonly text: string;
  /** `{}` when there is none. */
  readonly json: DocumentJson;
  /** The same, where it is an array of messages. */
  readonly list: readonly MessageJson[];
}

export interface Call {
  readonly headers?: Record<string, string>;
  /** Sent as it is when text or bytes, as JSON otherwise. */
  readonly body?: unknown;
  /** Without a Content-Length. */
  readonly chunked?: boolean;
}

/** A gateway on a free port over a fake cluster, with its log in memory. */
export class Harness {
  readonly service = new FakeService();
  readonly registry: MetricsRegistry = createRegistry();
  readonly logLines: string[] = [];
  readonly gateway: GatewayServer;
  port = 0;

  private constructor(limits: Partial<GatewayLimits>) {
    const destination = { write: (line: string) => void this.logLines.push(line) };
    const log = createLogger({ name: "gateway", level: "info", destination });
    this.gateway = createGateway({ service: this.service, registry: this.registry, log, limits });
  }

  static async start(limits: Partial<GatewayLimits> = {}): Promise<Harness> {
    const harness = new Harness(limits);
    harness.port = (await harness.gateway.listen(0, "127.0.0.1")).port;
    return harness;
  }

  stop(): Promise<void> {
    return this.gateway.close(100);
  }

  /** `Client-ID` is sent unless it is set to "none". */
  async call(method: string, path: string, call: Call = {}): Promise<Answer> {
    const headers: Record<string, string> = { "Client-ID": CLIENT, ...call.headers };
    if (headers["Client-ID"] === "none") delete headers["Client-ID"];
    const body = bodyOf(call.body);
    if (body !== undefined && call.chunked === true) headers["Transfer-Encoding"] = "chunked";
    else if (body !== undefined) headers["Content-Length"] = String(body.length);
    return new Promise<Answer>((resolve, reject) => {
      const outgoing = request({ port: this.port, host: "127.0.0.1", method, path, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const bytes = Buffer.concat(chunks);
          const text = bytes.toString();
          const isJson = (response.headers["content-type"] ?? "").includes("json");
          const parsed: unknown = isJson && text !== "" ? JSON.parse(text) : {};
          const { statusCode = 0, headers, rawHeaders } = response;
          const json = parsed as DocumentJson;
          resolve({
            status: statusCode,
            headers,
            rawHeaders,
            bytes,
            text,
            json,
            list: parsed as readonly MessageJson[],
          });
        });
      });
      outgoing.on("error", reject);
      if (call.chunked === true && body !== undefined)
        for (let i = 0; i < body.length; i += 100) outgoing.write(body.subarray(i, i + 100));
      outgoing.end(call.chunked === true ? undefined : body);
    });
  }

  /** Waits until this many calls have reached the cluster. */
  async reached(calls: number): Promise<void> {
    await until(() => this.service.calls >= calls);
  }

  /** Waits until the metrics hold this text. */
  async metered(text: string): Promise<void> {
    await until(async () => (await this.registry.metrics()).includes(text));
  }

  /** Posts these bodies with a ttl of 300; answers the paths of the new messages. */
  async post(
    queue: string,
    bodies: readonly unknown[],
    headers: Record<string, string> = {},
  ): Promise<readonly string[]> {
    const body = bodies.map((each) => ({ ttl: 300, body: each }));
    const { json } = await this.call("POST", `/v1/queues/${queue}/messages`, { body, headers });
    return json.resources;
  }

  /** Sends bytes as they are and collects what comes until the other side closes, or for `waitMs`. */
  raw(bytes: string | Buffer, waitMs = 2_000): Promise<string> {
    return new Promise((resolve) => {
      const socket = connect(this.port, "127.0.0.1");
      let received = "";
      const done = (): void => {
        clearTimeout(timer);
        socket.destroy();
        resolve(received);
      };
      const timer = setTimeout(done, waitMs);
      socket.on("data", (chunk) => (received += chunk.toString("latin1")));
      socket.on("close", done);
      socket.on("error", done);
      socket.write(bytes);
    });
  }
}

/** Waits until `holds`, looking often; fails after five seconds. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + 5_000;
  while (!(await holds())) {
    if (performance.now() > deadlineMs) throw new Error(`never: ${holds.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function bodyOf(body: unknown): Buffer | undefined {
  if (body === undefined) return undefined;
  if (typeof body === "string") return Buffer.from(body);
  return Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
}
