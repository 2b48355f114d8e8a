import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { type Answer, Harness } from "../harness.js";

let gateway: Harness;
const path = "/v1/queues/q/claims";
const terms = { ttl: 400, grace: 60 };
beforeEach(async () => {
  gateway = await Harness.start();
  await gateway.call("PUT", "/v1/queues/q");
});
afterEach(() => gateway.stop());

const create = (body: unknown = terms, query = ""): Promise<Answer> => gateway.call("POST", path + query, { body });
const locationOf = (answer: Answer): string => String(answer.headers.location);

describe("5 POST claims", () => {
  test("is 201 with a bare array and Location; hrefs carry the claim and can be deleted by", async () => {
    const hrefs = await gateway.post("q", [{ n: 1 }, { n: 2 }]);
    const answer = await create();
    expect(answer.status).toBe(201);
    expect(locationOf(answer)).toMatch(/^\/v1\/queues\/q\/claims\/[0-9a-f]+$/);
    const id = locationOf(answer).slice(path.length + 1);
    expect(answer.list).toEqual([
      { href: `${hrefs[0] ?? ""}?claim_id=${id}`, ttl: 460, age: 0, body: { n: 1 } },
      { href: `${hrefs[1] ?? ""}?claim_id=${id}`, ttl: 460, age: 0, body: { n: 2 } },
    ]);
    expect((await gateway.call("DELETE", answer.list[0]!.href)).status).toBe(204);
    expect((await gateway.call("GET", hrefs[0] ?? "")).status).toBe(404);
  });

  test("is 204 without a body when there is nothing, and on a missing queue", async () => {
    for (const where of [path, "/v1/queues/none/claims"]) {
      const answer = await gateway.call("POST", where, { body: terms });
      expect([answer.status, answer.text, answer.headers.location]).toEqual([204, "", undefined]);
    }
  });

  test("takes ten of the oldest unless limit says otherwise, in the query or the body (13)", async () => {
    await gateway.post(
      "q",
      Array.from({ length: 60 }, (_, i) => i),
    );
    const counts: number[] = [];
    for (const [query, more] of [
      ["", {}],
      ["?limit=3", {}],
      ["", { limit: 4 }],
      ["?limit=2", { limit: 4 }],
      ["", { limit: 500 }],
      ["", { limit: "x" }],
    ] as const) {
      counts.push((await create({ ...terms, ...more }, query)).list.length);
    }
    expect(counts).toEqual([10, 3, 4, 2, 10, 10]);
  });

  test.each(["0", "21", "-1", "10000000000000000000", "x"])("limit=%s is 400", async (limit) => {
    expect((await create(terms, `?limit=${limit}`)).status).toBe(400);
  });

  test.each([
    ["no ttl", { grace: 60 }, '"ttl"'],
    ["no grace", { ttl: 60 }, '"grace"'],
    ["a ttl of 300.0", '{"ttl": 300.0, "grace": 60}', '"ttl"'],
    ["a ttl of text", { ttl: "300", grace: 60 }, '"ttl"'],
    ["a grace of null", { ttl: 300, grace: null }, '"grace"'],
    ["an array", [], "object"],
    ["nothing", "", "empty"],
    ["no JSON", "{", "JSON"],
    ["a bare number", "5", "object"],
    ["an integer beyond 64 bits", '{"ttl": 300, "grace": 60, "x": 10000000000000000000}', "9223372036854775807"],
  ])("refuses %s: 400, invalid request body", async (_what, body, description) => {
    await gateway.post("q", [1]);
    const answer = await create(body);
    expect([answer.status, answer.json.title]).toEqual([400, "Invalid request body"]);
    expect(answer.json.description).toContain(description);
  });

  test("without a body is 400", async () => {
    expect((await gateway.call("POST", path)).json.title).toBe("Invalid request body");
  });

  test.each([
    [{ ttl: 59, grace: 60 }, '"ttl"'],
    [{ ttl: 43_201, grace: 60 }, '"ttl"'],
    [{ ttl: 60, grace: 59 }, '"grace"'],
    [{ ttl: 60, grace: 43_201 }, '"grace"'],
    [{ ttl: true, grace: 60 }, '"ttl"'],
    [{ ttl: -300, grace: 60 }, '"ttl"'],
  ])("refuses %j, naming the field and its limits: 400", async (body, field) => {
    const answer = await create(body);
    expect([answer.status, answer.json.title]).toEqual([400, "Invalid API request"]);
    expect(answer.json.description).toContain(field);
    expect(answer.json.description).toContain("43200");
  });

  test("accepts the limits themselves and ignores unknown members", async () => {
    await gateway.post("q", [1, 2]);
    expect((await create({ ttl: 60, grace: 60, x: 1 }, "?limit=1")).status).toBe(201);
    expect((await create({ ttl: 43_200, grace: 43_200 }, "?limit=1")).status).toBe(201);
  });
});

describe("5 one claim", () => {
  test("GET answers age, ttl, href and messages, with Content-Location", async () => {
    const [first = ""] = await gateway.post("q", [1]);
    const location = locationOf(await create());
    gateway.service.pass(5);
    const answer = await gateway.call("GET", location);
    expect(answer.status).toBe(200);
    expect(answer.headers["content-location"]).toBe(location);
    const id = location.slice(path.length + 1);
    const message = { href: `${first}?claim_id=${id}`, ttl: 460, age: 5, body: 1 };
    expect(answer.json).toEqual({ age: 5, ttl: 400, href: location, messages: [message] });
  });

  test("is 404 when unknown, malformed, expired, or of another queue; PATCH too; DELETE is 204 always", async () => {
    await gateway.post("q", [1]);
    const location = locationOf(await create());
    await gateway.call("PUT", "/v1/queues/mine");
    const elsewhere = location.replace("/q/", "/mine/");
    const dead = [
      `${path}/00000000ffff00000000`,
      `${path}/nonsense`,
      `${path}/`,
      elsewhere,
      "/v1/queues/none/claims/x",
    ];
    const expectGone = async (claim: string): Promise<void> => {
      expect((await gateway.call("GET", claim)).json.title).toBe("Not found");
      expect((await gateway.call("PATCH", claim, { body: { ttl: 60 } })).status).toBe(404);
      expect((await gateway.call("DELETE", claim)).status).toBe(204);
    };
    for (const claim of dead) await expectGone(claim);
    expect((await gateway.call("GET", location)).status).toBe(200);
    gateway.service.pass(401);
    await expectGone(location);
  });

  test("PATCH renews: 204, age starts again; grace is 0 unless given", async () => {
    await gateway.post("q", [1]);
    const location = locationOf(await create());
    gateway.service.pass(100);
    const answer = await gateway.call("PATCH", location, { body: { ttl: 1_000, x: 1 } });
    expect([answer.status, answer.text]).toEqual([204, ""]);
    const { json } = await gateway.call("GET", location);
    expect(json).toMatchObject({ age: 0, ttl: 1_000, messages: [{ ttl: 1_000 }] });
    expect((await gateway.call("PATCH", location, { body: { ttl: 2_000, grace: 60 } })).status).toBe(204);
    expect((await gateway.call("GET", location)).json.messages[0]!.ttl).toBe(2_060);
    expect((await gateway.call("PATCH", location, { body: { ttl: 60, grace: 0 } })).status).toBe(204);
  });

  test.each([
    "",
    "{}",
    "[]",
    '{"grace": 60}',
    '{"ttl": 59}',
    '{"ttl": 43201}',
    '{"ttl": 60.0}',
    '{"ttl": 60, "grace": 59}',
    '{"ttl": 60, "grace": 43201}',
  ])("PATCH refuses %s: 400", async (body) => {
    await gateway.post("q", [1]);
    const answer = await gateway.call("PATCH", locationOf(await create()), { body });
    expect(answer.status).toBe(400);
    expect(answer.json.description).toMatch(/"ttl"|"grace"|object|empty/);
  });

  test("DELETE releases: what it held can be claimed again, in its old place (4)", async () => {
    await gateway.post("q", [1, 2]);
    const location = locationOf(await create(terms, "?limit=1"));
    expect((await gateway.call("DELETE", location)).status).toBe(204);
    expect((await gateway.call("GET", location)).status).toBe(404);
    const again = await create();
    expect(again.list.map(({ body }) => body)).toEqual([1, 2]);
  });

  test("any client of the project may use it; other projects may not (4)", async () => {
    await gateway.post("q", [1]);
    const location = locationOf(await create());
    expect((await gateway.call("GET", location, { headers: { "Client-ID": "none" } })).status).toBe(200);
    expect((await gateway.call("GET", location, { headers: { "X-Project-ID": "p" } })).status).toBe(404);
  });
});
