import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { CLIENT, Harness, until } from "./harness.js";

let gateway: Harness;
const start = {
  headersTimeoutMs: 300,
  requestTimeoutMs: 500,
  answerTimeoutMs: 1_000,
  timeoutCheckMs: 50,
  connectionsMax: 50,
};
beforeEach(async () => {
  gateway = await Harness.start(start);
  await gateway.call("PUT", "/v1/queues/q");
});
afterEach(() => gateway.stop());

const metrics = (): Promise<string> => gateway.registry.metrics();
const head = (method: string, path: string, ...headers: string[]): string =>
  [`${method} ${path} HTTP/1.1`, "Host: x", `Client-ID: ${CLIENT}`, ...headers, "", ""].join("\r\n");
const statusesIn = (text: string): number[] =>
  [...text.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => Number(status));
const alive = async (): Promise<void> => expect((await gateway.call("GET", "/v1/queues/q")).status).toBe(204);

function open(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(gateway.port, "127.0.0.1", () => resolve(socket));
    socket.once("error", reject);
  });
}

const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    socket.on("error", () => undefined);
    socket.on("close", () => resolve());
    socket.resume();
  });

describe("a slow client", () => {
  test("that never ends its headers gets 408", async () => {
    const text = await gateway.raw("GET /v1/queues HTTP/1.1\r\nHost: x\r\nX-Slow:");
    expect(statusesIn(text)).toEqual([408]);
    expect(text).toContain('{"title": "Request timeout"');
    expect(await metrics()).toContain('marconi_http_rejected_total{reason="timeout"} 1');
    await alive();
  });

  test("that never ends its body gets 408, and what it held is free again", async () => {
    const text = await gateway.raw(head("POST", "/v1/queues/q/messages", "Content-Length: 1000") + "[".repeat(500));
    expect(statusesIn(text)).toEqual([408]);
    await gateway.metered('method="POST",status="499"} 1');
    expect(await metrics()).toContain("marconi_http_requests_in_flight 0");
    expect(await metrics()).toContain("marconi_http_held_bytes 0");
    await alive();
  });

  test("that trickles its body has no more time than others", async () => {
    const socket = await open();
    socket.write(head("POST", "/v1/queues/q/messages", "Transfer-Encoding: chunked"));
    const trickle = setInterval(() => socket.write("1\r\n[\r\n"), 30);
    await closed(socket);
    clearInterval(trickle);
    await alive();
  });

  test("that does not read its answer is cut off, and what it held is free again", async () => {
    const big = "x".repeat(250_000);
    for (let i = 0; i < 20; i++) await gateway.post("q", [big]);
    const socket = await open();
    socket.pause();
    // Twenty megabytes: more than the buffers of any socket take.
    for (let i = 0; i < 4; i++) socket.write(head("GET", "/v1/queues/q/messages?limit=20&echo=true"));
    await until(async () => Number(/marconi_http_held_bytes (\d+)/.exec(await metrics())?.[1]) > 5_000_000);
    await gateway.metered("marconi_http_held_bytes 0");
    expect(await metrics()).toContain('reason="slow-reader"');
    socket.destroy();
    await alive();
  });

  test("that reads slowly but in time gets all of it", async () => {
    const big = "x".repeat(250_000);
    for (let i = 0; i < 20; i++) await gateway.post("q", [big]);
    const answer = await gateway.call("GET", "/v1/queues/q/messages?limit=20&echo=true");
    expect(answer.bytes.length).toBeGreaterThan(5_000_000);
    expect(answer.json.messages).toHaveLength(20);
  });
});

describe("a vanished client", () => {
  test("in the middle of its body leaves nothing behind", async () => {
    const socket = await open();
    socket.write(head("POST", "/v1/queues/q/messages", "Content-Length: 1000") + "[");
    await gateway.metered("marconi_http_held_bytes 1");
    socket.destroy();
    await gateway.metered("marconi_http_requests_in_flight 0");
    expect(await metrics()).toContain("marconi_http_held_bytes 0");
    expect(gateway.service.calls).toBe(1);
    await alive();
  });

  test("while its request is in work does no harm", async () => {
    gateway.service.delayMs = 100;
    const socket = await open();
    socket.write(head("GET", "/v1/queues/q"));
    await gateway.reached(2);
    socket.destroy();
    await gateway.metered("marconi_http_requests_in_flight 0");
    expect(gateway.logLines).toEqual([]);
    await alive();
  });
});

describe("what is not HTTP", () => {
  test.each([
    ["noise", "\x16\x03\x01\x02garbage\r\n\r\n", 400],
    ["an unknown method", "BREW /v1/queues HTTP/1.1\r\nHost: x\r\n\r\n", 400],
    ["a bad version", "GET / HTTP/9.9\r\nHost: x\r\n\r\n", 400],
    ["a header without a colon", "GET / HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n", 400],
    [
      "two lengths",
      head("POST", "/v1/queues/q/messages", "Content-Length: 5", "Transfer-Encoding: chunked") + "0\r\n\r\n",
      400,
    ],
    ["no host", "GET / HTTP/1.1\r\n\r\n", 400],
    ["headers without end", `GET / HTTP/1.1\r\nHost: x\r\nX: ${"x".repeat(20_000)}`, 431],
    ["a path without end", `GET /${"x".repeat(20_000)}`, 431],
  ])("%s is refused and its connection closed", async (_what, bytes, status) => {
    const text = await gateway.raw(bytes);
    expect(statusesIn(text)).toEqual([status]);
    expect(text).toContain("Connection: close");
    await alive();
  });

  test("a broken chunk in a body that is being read ends the connection", async () => {
    const text = await gateway.raw(
      head("POST", "/v1/queues/q/messages", "Transfer-Encoding: chunked") + "5\r\n[1,2,\r\nzz\r\n",
    );
    expect(statusesIn(text)).toEqual([400]);
    await alive();
    expect(await metrics()).toContain("marconi_http_requests_in_flight 0");
  });
});

describe("HTTP", () => {
  test("requests in a pipeline are answered in their order", async () => {
    const pipeline = [
      head("GET", "/v1/queues/q"),
      head("GET", "/v1/queues/none"),
      head("GET", "/nothing"),
      head("GET", "/v1/queues/q"),
    ];
    expect(statusesIn(await gateway.raw(pipeline.join(""), 300))).toEqual([204, 404, 404, 204]);
  });

  test("a target may be absolute, and * is no route", async () => {
    const close = "Connection: close";
    expect(statusesIn(await gateway.raw(head("GET", "http://example.org/v1/queues/q", close)))).toEqual([204]);
    expect(statusesIn(await gateway.raw(head("GET", "http://example.org", close)))).toEqual([300]);
    expect(statusesIn(await gateway.raw(head("OPTIONS", "*", close)))).toEqual([404]);
  });

  test("HTTP/1.0 clients are served", async () => {
    const text = await gateway.raw("GET /v1/health HTTP/1.0\r\n\r\n");
    expect(statusesIn(text)).toEqual([204]);
  });

  test("a request to upgrade is answered as if it had not asked", async () => {
    const text = await gateway.raw(head("GET", "/v1/queues/q", "Connection: Upgrade", "Upgrade: websocket"), 300);
    expect(statusesIn(text)).toEqual([204]);
  });

  test("CONNECT is hung up on", async () => {
    expect(await gateway.raw("CONNECT example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n")).toBe("");
    await alive();
  });

  test("Expect: 100-continue is told to continue, or not to send what would be refused", async () => {
    const socket = await open();
    let received = "";
    socket.on("data", (chunk) => (received += chunk.toString()));
    const body = JSON.stringify([{ ttl: 60, body: 1 }]);
    socket.write(head("POST", "/v1/queues/q/messages", `Content-Length: ${body.length}`, "Expect: 100-continue"));
    await until(() => received.endsWith("\r\n\r\n"));
    expect(statusesIn(received)).toEqual([100]);
    socket.write(body);
    await until(() => received.endsWith("}"));
    expect(statusesIn(received)).toEqual([100, 201]);
    socket.destroy();
    for (const [path, length, status] of [
      ["/v1/queues/q/messages", 300_000, 400],
      ["/v1/nothing", 10, 404],
    ] as const) {
      const text = await gateway.raw(head("POST", path, `Content-Length: ${length}`, "Expect: 100-continue"));
      expect(statusesIn(text)).toEqual([status]);
      expect(text).toContain("Connection: close");
    }
  });

  test("a body may come in pieces of one byte", async () => {
    const body = JSON.stringify([{ ttl: 60, body: "pieces" }]);
    const chunks = Array.from(body, (char) => `1\r\n${char}\r\n`).join("");
    const headers = head("POST", "/v1/queues/q/messages", "Transfer-Encoding: chunked", "Connection: close");
    expect(statusesIn(await gateway.raw(`${headers}${chunks}0\r\n\r\n`))).toEqual([201]);
    const { text } = await gateway.call("GET", "/v1/queues/q/messages?echo=true");
    expect(text).toContain('"body": "pieces"');
    expect(await metrics()).toContain("marconi_http_held_bytes 0");
  });

  test("a body of which too much would have to be dropped is refused at once", async () => {
    const text = await gateway.raw(head("POST", "/v1/queues/q/messages", "Content-Length: 100000000") + "[");
    expect(statusesIn(text)).toEqual([400]);
    expect(text).toContain("Connection: close");
  });

  test("connections beyond the bound are closed", async () => {
    const sockets = await Promise.all(Array.from({ length: 60 }, open));
    await until(async () => /reason="connections"\} 1\d/.test(await metrics()));
    for (const socket of sockets) socket.destroy();
    await until(() =>
      alive().then(
        () => true,
        () => false,
      ),
    );
  });

  test("an address that is taken is an error of the caller", async () => {
    const other = await Harness.start();
    await other.stop();
    await expect(other.gateway.listen(gateway.port, "127.0.0.1")).rejects.toThrow("EADDRINUSE");
  });
});

describe("closing", () => {
  test("ends requests in work with Connection: close, accepts no more, and is not ready", async () => {
    const idle = await open();
    const idleClosed = closed(idle);
    gateway.service.delayMs = 200;
    const inWork = gateway.call("GET", "/v1/queues/q", { headers: { Connection: "keep-alive" } });
    await gateway.reached(2);
    const startedMs = performance.now();
    const stopped = gateway.gateway.close(60_000);
    const answer = await inWork;
    expect([answer.status, answer.headers.connection]).toEqual([204, "close"]);
    await stopped;
    await idleClosed;
    expect(performance.now() - startedMs).toBeLessThan(3_000);
    await expect(open()).rejects.toThrow("ECONNREFUSED");
  });

  test("cuts off after the time of grace what does not end", async () => {
    gateway.service.delayMs = 60_000;
    const socket = await open();
    socket.write(head("GET", "/v1/queues/q"));
    await gateway.reached(2);
    await gateway.gateway.close(100);
  });
});
