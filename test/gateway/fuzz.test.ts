import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { CLIENT, Harness } from "./harness.js";

let gateway: Harness;
beforeAll(async () => {
  gateway = await Harness.start({ headersTimeoutMs: 1_000, requestTimeoutMs: 1_000, timeoutCheckMs: 100 });
  await gateway.call("PUT", "/v1/queues/q");
  await gateway.post("q", [1, 2, 3]);
});
afterAll(() => gateway.stop());

const segment = fc.oneof(
  fc.constantFrom("", "q", "queues", "messages", "claims", "stats", "metadata", "v1", "v2", "health", ".", ".."),
  fc.constantFrom("000000000001000000000001", "00000000000100000000", "%00", "%zz", "%ff", "%2F", "a".repeat(65)),
  fc.string({ maxLength: 10 }).map(encodeURIComponent),
);
const number = fc.oneof(
  fc.integer().map(String),
  fc.constantFrom("", "1e9", "10000000000000000000", "-0", "0x1", "true"),
);
const parameter = fc.tuple(
  fc.constantFrom("limit", "marker", "ids", "echo", "include_claimed", "claim_id", "detailed", "pop", "__proto__"),
  fc.oneof(number, segment),
);
const target = fc.tuple(
  fc.oneof(
    fc.array(segment, { maxLength: 6 }).map((parts) => `/${parts.join("/")}`),
    fc.array(segment, { maxLength: 2 }).map((parts) => ["/v1/queues/q", ...parts].join("/")),
    fc.constantFrom("/v1/queues/q/messages", "/v1/queues/q/claims", "/v1/queues/q/metadata", "/v1/queues"),
  ),
  fc.array(parameter, { maxLength: 4 }),
);
const headers = fc.dictionary(
  fc.constantFrom("Client-ID", "X-Project-ID", "Accept", "Content-Type", "URL-Signature", "Connection", "X-Other"),
  fc.oneof(
    fc.constantFrom(CLIENT, "", "application/json", "*/*", "text/plain", "close"),
    fc.string({ unit: "grapheme-ascii", maxLength: 40 }),
  ),
  { maxKeys: 4 },
);
const terms = fc.record(
  { ttl: fc.oneof(number, fc.jsonValue()), grace: fc.oneof(number, fc.jsonValue()), body: fc.jsonValue() },
  { requiredKeys: [] },
);
const body = fc.oneof(
  fc.constant(undefined),
  fc.json(),
  fc.array(terms, { maxLength: 4 }).map((all) => JSON.stringify(all)),
  terms.map((one) => JSON.stringify(one)),
  fc.string({ maxLength: 50 }),
  fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)),
);
const method = fc.constantFrom("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND");

const stillAlive = async (): Promise<void> => {
  expect((await gateway.call("GET", "/v1/health")).status).toBe(204);
  expect(gateway.logLines).toEqual([]);
};

describe("whatever a client sends", () => {
  test("it is answered by the contract: no 5xx, no hang, every error a document", async () => {
    const requests = fc.record({ method, target, headers, body, chunked: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(requests, async (sent) => {
        const [path, parameters] = sent.target;
        const query = new URLSearchParams(parameters).toString();
        const answer = await gateway.call(sent.method, query === "" ? path : `${path}?${query}`, {
          // What http.request itself refuses to send.
          headers: Object.fromEntries(
            Object.entries(sent.headers).map(([name, value]) => [name, value.replace(/[^\x20-\x7e]/g, "")]),
          ),
          body: sent.body,
          chunked: sent.chunked,
        });
        expect(answer.status).toBeLessThan(500);
        expect(answer.status).toBeGreaterThanOrEqual(200);
        const silent = sent.method === "HEAD" || answer.status < 400 || answer.status === 406 || answer.text === "";
        if (!silent) expect(Object.keys(answer.json)).toEqual(["title", "description"]);
      }),
      { numRuns: 1_500 },
    );
    await stillAlive();
  }, 30_000);

  test("even if it is not HTTP: an answer or a closed connection in bounded time", async () => {
    const pieces = fc.oneof(
      fc.constantFrom(
        "GET / HTTP/1.1\r\n",
        "POST /v1/queues/q/messages HTTP/1.1\r\n",
        "Host: x\r\n",
        "\r\n",
        "Content-Length: 5\r\n",
      ),
      fc.constantFrom(
        "Transfer-Encoding: chunked\r\n",
        "5\r\nhello\r\n",
        "0\r\n\r\n",
        `Client-ID: ${CLIENT}\r\n`,
        "Expect: 100-continue\r\n",
      ),
      fc.string({ maxLength: 20 }),
      fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes).toString("latin1")),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(pieces, { maxLength: 10 }), async (parts) => {
        const text = await gateway.raw(Buffer.from(parts.join(""), "latin1"), 30);
        for (const [, status] of text.matchAll(/^HTTP\/1\.1 (\d+) /gm)) expect(Number(status)).toBeLessThan(500);
      }),
      { numRuns: 150 },
    );
    await stillAlive();
  }, 30_000);
});
