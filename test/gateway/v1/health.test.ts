import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Harness } from "../harness.js";

let gateway: Harness;
beforeAll(async () => (gateway = await Harness.start()));
afterAll(() => gateway.stop());

test("5 /v1/health is 204 while storage is reachable, needs no headers", async () => {
  const none = { headers: { "Client-ID": "none" } };
  for (const method of ["GET", "HEAD"]) {
    const answer = await gateway.call(method, "/v1/health", none);
    expect(answer.status).toBe(204);
    expect(answer.text).toBe("");
  }
});

test("5 /v1/health is 503 with Retry-After when it is not; HEAD is 204 always", async () => {
  gateway.service.health = false;
  const answer = await gateway.call("GET", "/v1/health");
  expect(answer.status).toBe(503);
  expect(answer.headers["retry-after"]).toBe("1");
  expect(answer.json.title).toBe("Service temporarily unavailable");
  expect((await gateway.call("HEAD", "/v1/health")).status).toBe(204);
  gateway.service.health = true;
});
