import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { type ErrorCode, errorCatalogue, MarconiError } from "../../src/contract/index.js";
import { Harness } from "./harness.js";

let gateway: Harness;
beforeEach(async () => (gateway = await Harness.start({ inflightRequestsMax: 3, inflightBytesMax: 1_000_000 })));
afterEach(() => gateway.stop());

const metrics = (): Promise<string> => gateway.registry.metrics();

describe("2 errors", () => {
  test.each(Object.keys(errorCatalogue) as ErrorCode[])(
    "%s of the cluster has its status, title and Retry-After",
    async (code) => {
      const error = new MarconiError(code, "What happened");
      gateway.service.failWith = error;
      const answer = await gateway.call("GET", "/v1/queues/q/stats");
      expect(answer.status).toBe(errorCatalogue[code].status);
      expect(answer.json.title).toBe(errorCatalogue[code].title);
      expect(answer.headers.vary).toBe("Accept");
      expect(answer.headers["retry-after"]).toBe(
        error.retryAfterSec === undefined ? undefined : String(error.retryAfterSec),
      );
      const advice = error.retryAfterSec === undefined ? "" : ". Please try again in 1 second.";
      expect(answer.json.description).toBe(`What happened${advice}`);
    },
  );

  test("how long to wait is what the cluster says", async () => {
    gateway.service.failWith = new MarconiError("no-leader", "Partition 3 has no leader.", { retryAfterSec: 7 });
    const answer = await gateway.call("PUT", "/v1/queues/q");
    expect(answer.headers["retry-after"]).toBe("7");
    expect(answer.json.description).toBe("Partition 3 has no leader. Please try again in 7 seconds.");
  });

  test("anything else is 500 that tells nothing, and a line in the log that tells all (12.5)", async () => {
    gateway.service.failWith = new TypeError("secret detail");
    const answer = await gateway.call("GET", "/v1/queues/q");
    expect([answer.status, answer.json.title]).toEqual([500, "Internal server error"]);
    expect(answer.text).not.toMatch(/secret|TypeError|\.ts|\bat \S+:\d/);
    expect(gateway.logLines).toHaveLength(1);
    expect(gateway.logLines[0]).toContain("secret detail");
    gateway.service.failWith = undefined;
    expect((await gateway.call("GET", "/v1/queues/q")).status).toBe(404);
  });

  test("a route that does not exist is 404 with the document of all errors", async () => {
    const answer = await gateway.call("GET", "/v3/queues");
    expect(answer.status).toBe(404);
    expect(Object.keys(answer.json)).toEqual(["title", "description"]);
    expect(answer.headers["content-type"]).toBe("application/json");
    expect(answer.text).toMatch(/^\{"title": "404 Not Found", "description": ".*"\}$/);
  });

  test("quotes and other characters of the request do not break the document", async () => {
    const answer = await gateway.call("PUT", "/v1/queues/q/metadata", { body: '{"_\\"\\u0000ü": 1}' });
    expect(answer.status).toBe(400);
    expect(answer.json.description).toContain('\\"\\u0000ü');
  });
});

describe("1.1 the version document", () => {
  test("is verbatim, 300, and needs no headers", async () => {
    const answer = await gateway.call("GET", "/", { headers: { "Client-ID": "none" } });
    expect(answer.status).toBe(300);
    expect(answer.headers["content-type"]).toBe("application/json");
    const version = (id: string, status: string, updated: string, type: string): object => ({
      id,
      status,
      updated,
      "media-types": [{ base: "application/json", type: `application/vnd.openstack.messaging-${type}+json` }],
      links: [{ href: `/v${id}/`, rel: "self" }],
    });
    expect(answer.json).toEqual({
      versions: [
        version("1", "DEPRECATED", "2014-9-11T17:47:05Z", "v1"),
        version("1.1", "DEPRECATED", "2016-7-29T02:22:47Z", "v1_1"),
        version("2", "CURRENT", "2014-9-24T04:06:47Z", "v2"),
      ],
    });
  });

  test("does not mind headers that the versions below it would refuse", async () => {
    expect((await gateway.call("GET", "/", { headers: { "Client-ID": "x", "X-Project-ID": "" } })).status).toBe(300);
  });

  test("has no other methods", async () => {
    const answer = await gateway.call("POST", "/", { body: {} });
    expect([answer.status, answer.headers.allow]).toEqual([405, "GET, OPTIONS"]);
  });
});

describe("a flood", () => {
  test("beyond the bound of requests is refused at once with 503 and Retry-After, then all goes on", async () => {
    gateway.service.delayMs = 1_000;
    let answered = 0;
    const accepted = [1, 2, 3].map(() => gateway.call("GET", "/v1/queues/q").finally(() => answered++));
    await gateway.reached(3);
    const refused = await gateway.call("GET", "/v1/queues/q");
    expect(answered).toBe(0);
    expect([refused.status, refused.headers["retry-after"]]).toEqual([503, "1"]);
    expect(refused.json.description).toContain("too many requests");
    const unread = await gateway.call("POST", "/v1/queues/q/messages", { body: [{ ttl: 60, body: 1 }], chunked: true });
    expect([unread.status, unread.headers.connection]).toEqual([503, "close"]);
    expect(await metrics()).toContain("marconi_http_requests_in_flight 3");
    expect((await Promise.all(accepted)).map(({ status }) => status)).toEqual([404, 404, 404]);
    gateway.service.delayMs = 0;
    expect((await gateway.call("GET", "/v1/queues/q")).status).toBe(404);
    expect(await metrics()).toContain('marconi_http_rejected_total{reason="overloaded"} 2');
  });

  test("beyond the bound of bytes is refused too", async () => {
    await gateway.stop();
    gateway = await Harness.start({ inflightBytesMax: 150_000 });
    await gateway.call("PUT", "/v1/queues/q");
    gateway.service.delayMs = 1_000;
    const post = (): ReturnType<Harness["call"]> =>
      gateway.call("POST", "/v1/queues/q/messages", { body: [{ ttl: 60, body: "x".repeat(100_000) }] });
    const first = post();
    await gateway.reached(2);
    const second = await post();
    expect([second.status, second.headers["retry-after"]]).toEqual([503, "1"]);
    expect(second.json.description).toContain("bodies");
    gateway.service.delayMs = 0;
    expect((await first).status).toBe(201);
    expect((await post()).status).toBe(201);
    expect(await metrics()).toContain("marconi_http_held_bytes 0");
  });
});

describe("metrics", () => {
  test("name the template of a route, never its path, and no method or status that clients make up", async () => {
    await gateway.call("PUT", "/v1/queues/secret-name");
    await gateway.call("GET", "/v1/queues/secret-name/messages/secret-id");
    await gateway.call("PROPFIND", "/v1/queues/secret-name");
    await gateway.call("GET", "/secret-path");
    const text = await metrics();
    expect(text).not.toContain("secret");
    expect(text).toContain(
      'marconi_http_request_duration_seconds_count{route="/v1/queues/{queue}",method="PUT",status="201"} 1',
    );
    expect(text).toContain('_count{route="/v1/queues/{queue}/messages/{message}",method="GET",status="404"} 1');
    expect(text).toContain('_count{route="/v1/queues/{queue}",method="other",status="405"} 1');
    expect(text).toContain('_count{route="unknown",method="GET",status="404"} 1');
    expect(text).toContain("marconi_http_requests_in_flight 0");
  });
});

describe("operations beside the API", () => {
  test("are /metrics, /health and /ready, whatever the Accept header", async () => {
    const headers = { Accept: "application/openmetrics-text;version=1.0.0", "Client-ID": "x" };
    const answer = await gateway.call("GET", "/metrics", { headers });
    expect(answer.status).toBe(200);
    expect(answer.headers["content-type"]).toContain("version=0.0.4");
    expect(answer.text).toContain("nodejs_eventloop_lag_p99_seconds");
    expect((await gateway.call("GET", "/health")).status).toBe(200);
    expect((await gateway.call("GET", "/ready?x")).status).toBe(200);
    gateway.service.health = false;
    expect((await gateway.call("GET", "/ready")).status).toBe(503);
    expect((await gateway.call("GET", "/health")).status).toBe(200);
  });
});
