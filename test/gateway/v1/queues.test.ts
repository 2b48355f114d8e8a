import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { Harness } from "../harness.js";

let gateway: Harness;
beforeEach(async () => (gateway = await Harness.start()));
afterEach(() => gateway.stop());

describe("5 /v1/queues/{q}", () => {
  test("PUT is 201 when it makes the queue and 204 when it was there, both with Location and without a body", async () => {
    for (const status of [201, 204]) {
      const answer = await gateway.call("PUT", "/v1/queues/orders");
      expect(answer.status).toBe(status);
      expect(answer.headers.location).toBe("/v1/queues/orders");
      expect(answer.rawHeaders).toContain("Location");
      expect(answer.text).toBe("");
    }
  });

  test("PUT ignores its body: metadata stays {} (14)", async () => {
    expect((await gateway.call("PUT", "/v1/queues/orders", { body: { colour: "red" } })).status).toBe(201);
    expect((await gateway.call("PUT", "/v1/queues/orders", { body: "{nonsense" })).status).toBe(204);
    expect((await gateway.call("GET", "/v1/queues/orders/metadata")).json).toEqual({});
  });

  test("PUT ignores a large body too, and the connection goes on", async () => {
    const body = Buffer.alloc(1_000_000, "x");
    expect((await gateway.call("PUT", "/v1/queues/orders", { body })).status).toBe(201);
    expect((await gateway.call("PUT", "/v1/queues/orders", { body, chunked: true })).status).toBe(204);
  });

  test("GET and HEAD tell existence: 204 or 404, empty, with Content-Location (14)", async () => {
    await gateway.call("PUT", "/v1/queues/orders");
    for (const method of ["GET", "HEAD"]) {
      const there = await gateway.call(method, "/v1/queues/orders");
      expect([there.status, there.text, there.headers["content-location"]]).toEqual([204, "", "/v1/queues/orders"]);
      const missing = await gateway.call(method, "/v1/queues/other");
      expect([missing.status, missing.text, missing.headers["content-location"]]).toEqual([
        404,
        "",
        "/v1/queues/other",
      ]);
    }
  });

  test("DELETE is 204 always, and takes the messages with it (4)", async () => {
    await gateway.call("PUT", "/v1/queues/orders");
    const [path = ""] = await gateway.post("orders", [1]);
    expect((await gateway.call("GET", path)).status).toBe(200);
    for (let i = 0; i < 2; i++) expect((await gateway.call("DELETE", "/v1/queues/orders")).status).toBe(204);
    expect((await gateway.call("GET", path)).status).toBe(404);
    await gateway.call("PUT", "/v1/queues/orders");
    expect((await gateway.call("GET", path)).status).toBe(404);
  });
});

describe("5 GET /v1/queues", () => {
  const names = Array.from({ length: 25 }, (_, i) => `q${String(i).padStart(2, "0")}`);

  test("is 204 when there is none", async () => {
    const answer = await gateway.call("GET", "/v1/queues?limit=5");
    expect([answer.status, answer.text, answer.headers["content-location"]]).toEqual([204, "", "/v1/queues?limit=5"]);
  });

  test("lists name and href in byte order, ten unless asked, with a next link (5.2, 1.6)", async () => {
    for (const name of ["b", "B", "a.b", "a-b", "a"]) await gateway.call("PUT", `/v1/queues/${name}`);
    const answer = await gateway.call("GET", "/v1/queues");
    expect(answer.status).toBe(200);
    expect(answer.headers["content-location"]).toBe("/v1/queues");
    expect(answer.headers["content-type"]).toBe("application/json");
    expect(answer.json.queues).toEqual(
      ["B", "a", "a-b", "a.b", "b"].map((name) => ({ name, href: `/v1/queues/${name}` })),
    );
    expect(answer.json.links).toEqual([{ rel: "next", href: "/v1/queues?marker=b" }]);
    expect(answer.text.startsWith('{"queues": [{"name": "B", "href": "/v1/queues/B"}, {')).toBe(true);
  });

  test("following next links meets every queue once and ends with 204", async () => {
    for (const name of names) await gateway.call("PUT", `/v1/queues/${name}`);
    const seen: string[] = [];
    let path = "/v1/queues?limit=7&detailed=0";
    for (;;) {
      const { status, json } = await gateway.call("GET", path);
      if (status === 204) break;
      seen.push(...json.queues.map(({ name }) => name));
      path = json.links[0]!.href;
      expect(path).toMatch(/^\/v1\/queues\?marker=q\d\d&limit=7&detailed=false$/);
    }
    expect(seen).toEqual(names);
  });

  test("shows ten queues without a limit, and metadata when detailed", async () => {
    for (const name of names) await gateway.call("PUT", `/v1/queues/${name}`);
    await gateway.call("PUT", "/v1/queues/q03/metadata", { body: '{ "exact" : 9007199254740993 }' });
    expect((await gateway.call("GET", "/v1/queues")).json.queues).toHaveLength(10);
    const answer = await gateway.call("GET", "/v1/queues?detailed=true&limit=20");
    expect(answer.json.queues).toHaveLength(20);
    expect(answer.json.queues[0]).toEqual({ name: "q00", href: "/v1/queues/q00", metadata: {} });
    expect(answer.text).toContain('"metadata": { "exact" : 9007199254740993 }');
    expect(answer.json.links[0]!.href).toBe("/v1/queues?marker=q19&limit=20&detailed=true");
  });

  test("a marker is a position in the order of names, whatever it is (14)", async () => {
    await gateway.call("PUT", "/v1/queues/middle");
    const statusOf = async (marker: string): Promise<number> =>
      (await gateway.call("GET", `/v1/queues?marker=${encodeURIComponent(marker)}`)).status;
    for (const marker of ["a", "mid", "middl\ue000".slice(0, 5)]) expect(await statusOf(marker)).toBe(200);
    for (const marker of ["zzz", "middle", "middle ", "ü", "z".repeat(5_000)]) expect(await statusOf(marker)).toBe(204);
  });

  test.each(["0", "21", "-1", "10000000000000000000", "-10000000000000000000", "x", "1.0"])(
    "limit=%s is 400 (14)",
    async (limit) => {
      const answer = await gateway.call("GET", `/v1/queues?limit=${limit}`);
      expect(answer.status).toBe(400);
      expect(answer.json.description).toContain('"limit"');
    },
  );

  test("detailed=maybe is 400", async () => {
    expect((await gateway.call("GET", "/v1/queues?detailed=maybe")).json.title).toBe("Invalid parameter");
  });
});
