import { afterEach, describe, expect, test } from "@jest/globals";
import { once } from "node:events";
import http from "node:http";
import type net from "node:net";
import { LatencyHistogram } from "./latency-histogram.js";
import { LoadConnection } from "./load-connection.js";
import type { LoadOrder } from "./load-protocol.js";
import { LoadTally } from "./load-tally.js";
import { bodyOf, DeleteWriter, postRequest } from "./request-bytes.js";
import { ResponseReader } from "./response-reader.js";

describe("a latency histogram", () => {
  test("knows percentiles to one percent, and the maximum exactly", () => {
    const histogram = new LatencyHistogram();
    for (let us = 1; us <= 100_000; us++) histogram.record(us);
    const { count, p50Ms, p99Ms, maxMs } = histogram.summary();
    expect(count).toBe(100_000);
    expect(Math.abs(p50Ms / 50 - 1)).toBeLessThan(0.01);
    expect(Math.abs(p99Ms / 99 - 1)).toBeLessThan(0.01);
    expect(maxMs).toBe(100);
  });

  test("tells small durations and enormous ones", () => {
    const histogram = new LatencyHistogram();
    histogram.record(3);
    expect(histogram.quantileMs(1)).toBe(0.003);
    histogram.record(1e12);
    expect(histogram.summary().maxMs).toBe(0x7fffffff / 1_000);
  });

  test("is empty after a clear", () => {
    const histogram = new LatencyHistogram();
    histogram.record(5_000);
    histogram.clear();
    expect(histogram.summary()).toEqual({ count: 0, p50Ms: 0, p99Ms: 0, maxMs: 0 });
  });
});

describe("a response reader", () => {
  function read(pieces: readonly string[]): { answers: string[]; reader: ResponseReader } {
    const answers: string[] = [];
    const reader = new ResponseReader((status, bytes, start, end) =>
      answers.push(`${status} ${bytes.toString("latin1", start, end)}`),
    );
    for (const piece of pieces) reader.feed(Buffer.from(piece), piece.length);
    return { answers, reader };
  }

  const answer = "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\ncontent-length: 5\r\nVary: x\r\n\r\nhello";

  test("reads an answer whole and in any two pieces", () => {
    expect(read([answer]).answers).toEqual(["201 hello"]);
    for (let cut = 1; cut < answer.length; cut++)
      expect(read([answer.slice(0, cut), answer.slice(cut)]).answers).toEqual(["201 hello"]);
  });

  test("reads an answer byte by byte, and the next one after it", () => {
    expect(read(Array.from(answer + answer)).answers).toEqual(["201 hello", "201 hello"]);
  });

  test("reads an answer without a body", () => {
    expect(read(["HTTP/1.1 204 No Content\r\nDate: now\r\n\r\n"]).answers).toEqual(["204 "]);
  });

  test("notices that the server hangs up", () => {
    expect(read([answer]).reader.closing).toBe(false);
    expect(read(["HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"]).reader.closing).toBe(true);
  });

  test("refuses what it would misread", () => {
    expect(() => read(["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"])).toThrow("transfer encoding");
    expect(() => read([`${answer}${answer}`])).toThrow("more came");
  });
});

describe("requests", () => {
  const target = { host: "127.0.0.1", port: 1 };

  test("carry bodies of the size that was asked for", () => {
    expect(Buffer.byteLength(bodyOf(100))).toBe(100);
    const text = postRequest(target, "q", 3, 100).toString();
    const [head, body] = text.split("\r\n\r\n") as [string, string];
    expect(head).toContain(`Content-Length: ${body.length}`);
    const messages = JSON.parse(body) as { ttl: number; body: string }[];
    expect(messages).toHaveLength(3);
    expect(JSON.stringify(messages[0]!.body)).toHaveLength(100);
  });

  test("delete one message with its claim, more by ids", () => {
    const writer = new DeleteWriter(target, "q");
    const href = (id: string): string => `{"href": "/v1/queues/q/messages/${id}?claim_id=c1", "body": "x"}`;
    const one = Buffer.from(`xx[${href("a1")}]`);
    expect(writer.write(one, 2, one.length).toString()).toMatch(
      /^DELETE \/v1\/queues\/q\/messages\/a1\?claim_id=c1 HTTP/,
    );
    expect(writer.count).toBe(1);
    const three = Buffer.from(`[${href("a1")}, ${href("b2")}, ${href("c3")}]`);
    expect(writer.write(three, 0, three.length).toString()).toMatch(
      /^DELETE \/v1\/queues\/q\/messages\?ids=a1,b2,c3 HTTP/,
    );
    expect(writer.count).toBe(3);
  });
});

describe("a load connection", () => {
  let server: http.Server | undefined;
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
  });

  /** A server that hands out every message once, as the API does; the first post of all is refused when asked so. */
  async function fakeApi(refuseFirst: boolean): Promise<{ port: number; seen: string[] }> {
    const seen: string[] = [];
    let waiting = 0;
    let ids = 0;
    server = http.createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const url = request.url ?? "";
        seen.push(`${request.method ?? ""} ${url.split("?")[0] ?? ""}`);
        if (url.endsWith("/messages")) {
          if (refuseFirst && seen.length === 1) {
            response.writeHead(503, { "Content-Length": 0 }).end();
            return;
          }
          waiting += (JSON.parse(Buffer.concat(chunks).toString()) as unknown[]).length;
          response.writeHead(201, { "Content-Length": 2 }).end("{}");
        } else if (request.method === "POST") {
          const limit = Math.min(waiting, Number(/limit=(\d+)/.exec(url)?.[1]));
          waiting -= limit;
          const messages = Array.from({ length: limit }, () => ({
            href: `/v1/queues/q/messages/m${++ids}?claim_id=c`,
          }));
          const body = JSON.stringify(messages);
          response.writeHead(201, { "Content-Length": body.length }).end(body);
        } else response.writeHead(204).end();
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return { port: (server.address() as net.AddressInfo).port, seen };
  }

  const order = (port: number, kind: LoadOrder["kind"], messagesPerPost: number): LoadOrder => ({
    ...{ host: "127.0.0.1", port, kind, queues: ["q"], connections: 1, messagesPerPost, bodyBytes: 20 },
    ...{ warmupMs: 0, measureMs: 0, messagesMax: 3 * messagesPerPost },
  });

  test("posts as many messages as it may", async () => {
    const { port, seen } = await fakeApi(false);
    const tally = new LoadTally(30);
    await new LoadConnection(order(port, "post", 10), 0, tally).ended;
    expect(seen).toHaveLength(3);
    expect(tally.close()).toMatchObject({ posted: 30, unexpected: {}, posts: { count: 3 } });
  });

  test("claims and deletes all that it has posted, 20 at a time", async () => {
    const { port, seen } = await fakeApi(false);
    const tally = new LoadTally(300);
    await new LoadConnection(order(port, "cycle", 100), 0, tally).ended;
    expect(seen).toHaveLength(3 * (1 + 5 + 5));
    expect(tally.close()).toMatchObject({ posted: 300, claimed: 300, deleted: 300, emptyClaims: 0, unexpected: {} });
  });

  test("counts an answer that was not expected, and goes on", async () => {
    const { port } = await fakeApi(true);
    const tally = new LoadTally(30);
    await new LoadConnection(order(port, "post", 10), 0, tally).ended;
    expect(tally.close()).toMatchObject({ posted: 20, unexpected: { "post 503": 1 } });
  });

  test("keeps to a pace, and makes up for what was slow", async () => {
    const { port } = await fakeApi(false);
    const tally = new LoadTally(100);
    const sinceMs = performance.now();
    // The tenth post is due 9/20 s after the first.
    await new LoadConnection({ ...order(port, "post", 10), messagesPerSecond: 200 }, 0, tally).ended;
    const tookMs = performance.now() - sinceMs;
    expect(tally.close()).toMatchObject({ posted: 100, unexpected: {} });
    expect(tookMs).toBeGreaterThanOrEqual(445);
  });

  test("connects again when the server hangs up", async () => {
    const { port } = await fakeApi(false);
    const tally = new LoadTally(1_000_000_000);
    const connection = new LoadConnection(order(port, "post", 10), 0, tally);
    while (tally.posted === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    server?.closeAllConnections();
    const before = tally.posted;
    while (tally.posted < before + 50) await new Promise((resolve) => setTimeout(resolve, 5));
    connection.stop();
    await connection.ended;
    expect(tally.close().unexpected).toMatchObject({ reconnect: 1 });
  });
});
