import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { Harness } from "../harness.js";

let gateway: Harness;
beforeEach(async () => (gateway = await Harness.start()));
afterEach(() => gateway.stop());

describe("5.1 stats", () => {
  test("of a missing queue are 404", async () => {
    expect((await gateway.call("GET", "/v1/queues/none/stats")).status).toBe(404);
  });

  test("of an empty queue have no oldest and newest", async () => {
    await gateway.call("PUT", "/v1/queues/q");
    const answer = await gateway.call("GET", "/v1/queues/q/stats");
    expect(answer.status).toBe(200);
    expect(answer.text).toBe('{"messages": {"claimed": 0, "free": 0, "total": 0}}');
    expect(answer.headers["content-location"]).toBe("/v1/queues/q/stats");
  });

  test("count, and point to readable messages with exactly three members (14)", async () => {
    await gateway.call("PUT", "/v1/queues/q");
    const [first = ""] = await gateway.post("q", [1, 2]);
    gateway.service.pass(10);
    const [last = ""] = await gateway.post("q", [3]);
    await gateway.call("POST", "/v1/queues/q/claims?limit=2", { body: { ttl: 60, grace: 60 } });
    gateway.service.pass(3);
    const { json } = await gateway.call("GET", "/v1/queues/q/stats");
    expect(json).toEqual({
      messages: {
        claimed: 2,
        free: 1,
        total: 3,
        oldest: { age: 13, created: "2026-01-02T03:04:05Z", href: first },
        newest: { age: 3, created: "2026-01-02T03:04:15Z", href: last },
      },
    });
    for (const href of [first, last]) expect((await gateway.call("GET", href)).status).toBe(200);
  });
});
