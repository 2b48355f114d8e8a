import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { type Answer, Harness, OTHER_CLIENT } from "../harness.js";

let gateway: Harness;
const path = "/v1/queues/q/messages";
const other = { "Client-ID": OTHER_CLIENT };
beforeEach(async () => {
  gateway = await Harness.start();
  await gateway.call("PUT", "/v1/queues/q");
});
afterEach(() => gateway.stop());

const post = (body: unknown): Promise<Answer> => gateway.call("POST", path, { body });
const get = (suffix = "", headers: Record<string, string> = other): Promise<Answer> =>
  gateway.call("GET", path + suffix, { headers });
const bodiesOf = (answer: Answer): unknown[] => answer.json.messages.map(({ body }) => body);
const idOf = (href: string): string => href.slice(path.length + 1);

describe("5 POST messages", () => {
  test("is 201 with the paths of the new messages, in order, and Location with their ids", async () => {
    const answer = await post([
      { ttl: 60, body: 1 },
      { ttl: 1_209_600, body: { b: 2 } },
    ]);
    expect(answer.status).toBe(201);
    expect(answer.headers["content-type"]).toBe("application/json");
    const { resources, partial } = answer.json;
    expect(Object.keys(answer.json)).toEqual(["resources", "partial"]);
    expect(partial).toBe(false);
    expect(resources).toHaveLength(2);
    expect(answer.headers.location).toBe(`${path}?ids=${resources.map(idOf).join(",")}`);
    expect((await gateway.call("GET", resources[0]!)).json.body).toBe(1);
    expect((await gateway.call("GET", resources[1]!)).json).toMatchObject({ ttl: 1_209_600, body: { b: 2 } });
    expect((await gateway.call("GET", String(answer.headers.location))).list).toHaveLength(2);
  });

  test("to a missing queue is 404", async () => {
    const answer = await gateway.call("POST", "/v1/queues/none/messages", { body: [{ ttl: 60, body: 1 }] });
    expect([answer.status, answer.json.title]).toEqual([404, "Not found"]);
    expect(answer.json.description).toContain("none");
  });

  test("takes any JSON value as a body, and unknown members besides (1.4, 4)", async () => {
    const bodies = [null, true, 0, -1.5, "", "ü🙂", [], {}, { ttl: 1, body: 2 }];
    await post(bodies.map((body) => ({ body, delay: 5, ttl: 60, more: { ttl: 0 } })));
    expect(bodiesOf(await get())).toEqual(bodies);
  });

  test("has no limit of count: 500 at once", async () => {
    const answer = await post(Array.from({ length: 500 }, (_, i) => ({ ttl: 60, body: i })));
    expect(answer.status).toBe(201);
    expect(answer.json.resources).toHaveLength(500);
    // So many ids would make a header that clients refuse.
    expect(answer.headers.location).toBe(path);
    expect((await gateway.call("GET", answer.json.resources[499]!)).json.body).toBe(499);
  });

  test("is all or nothing", async () => {
    expect(
      (
        await post([
          { ttl: 60, body: 1 },
          { ttl: 59, body: 2 },
        ])
      ).status,
    ).toBe(400);
    expect((await get()).status).toBe(204);
  });

  test.each([
    ["an object", '{"ttl": 60, "body": 1}', "array"],
    ["an empty array", "[]", "at least one"],
    ["nothing", "", "empty"],
    ["no JSON", "[{]", "not JSON"],
    ["a string", '"x"', "object or array"],
    ["a number in the array", "[1]", "Message 0 must be an object"],
    ["an array in the array", '[{"ttl": 60, "body": 1}, []]', "Message 1 must be an object"],
    ["a message without ttl", '[{"body": 1}]', 'Message 0 has no "ttl"'],
    ["a message without body", '[{"ttl": 60, "body": 1}, {"ttl": 60}]', 'Message 1 has no "body"'],
    ["a ttl of 300.0", '[{"ttl": 300.0, "body": 1}]', '"ttl" of message 0 must be an integer'],
    ["a ttl of text", '[{"ttl": "300", "body": 1}]', "integer"],
    ["a ttl of 300.5", '[{"ttl": 300.5, "body": 1}]', "integer"],
    ["a ttl of 3e2", '[{"ttl": 3e2, "body": 1}]', "integer"],
    ["a ttl of null", '[{"ttl": null, "body": 1}]', "integer"],
    ["an integer beyond 64 bits", '[{"ttl": 60, "body": [10000000000000000000]}]', "9223372036854775807"],
    ["a ttl beyond 64 bits", '[{"ttl": 10000000000000000000, "body": 1}]', "9223372036854775807"],
    ["deep nesting", `[{"ttl": 60, "body": ${"[".repeat(100_000)}${"]".repeat(100_000)}}]`, "512 levels"],
  ])("refuses %s: 400, invalid request body", async (_what, body, description) => {
    const answer = await post(body);
    expect([answer.status, answer.json.title]).toEqual([400, "Invalid request body"]);
    expect(answer.json.description).toContain(description);
    expect(answer.headers.vary).toBe("Accept");
  });

  test.each(["59", "1209601", "0", "-1", "-0", "true", "false", "9223372036854775807", "-9223372036854775808"])(
    "refuses a ttl of %s with the limits: 400",
    async (ttl) => {
      const answer = await post(`[{"ttl": ${ttl}, "body": 1}]`);
      expect([answer.status, answer.json.title]).toEqual([400, "Invalid API request"]);
      const text = "The TTL for a message may not exceed 1209600 seconds, and must be at least 60 seconds long";
      expect(answer.json.description).toContain(text);
    },
  );

  test("refuses text that is not UTF-8", async () => {
    const answer = await post(Buffer.from('[{"ttl": 60, "body": "\xff"}]', "latin1"));
    expect([answer.status, answer.json.title]).toEqual([400, "Invalid request body"]);
  });

  test("accepts exactly 262,144 bytes, shared by two messages, and not one more (14)", async () => {
    const sized = (bytes: number): string => {
      const half = '{"ttl": 60, "body": "x"}';
      const rest = bytes - `[{"ttl": 60, "body": ""}, ${half}]`.length;
      return `[{"ttl": 60, "body": "${"x".repeat(rest)}"}, ${half}]`;
    };
    expect((await post(sized(262_144))).status).toBe(201);
    const answer = await post(sized(262_145));
    expect([answer.status, answer.json.title]).toEqual([400, "Invalid request body"]);
    expect(answer.json.description).toContain("262144");
    expect((await get("?limit=20")).json.messages).toHaveLength(2);
  });

  test("accepts a body without Content-Length, under the same limit (12, and 1.4)", async () => {
    const body = [{ ttl: 60, body: "x".repeat(1_000) }];
    expect((await gateway.call("POST", path, { body, chunked: true })).status).toBe(201);
    const large = [{ ttl: 60, body: "x".repeat(262_144) }];
    const answer = await gateway.call("POST", path, { body: large, chunked: true });
    expect([answer.status, answer.json.title]).toEqual([400, "Invalid request body"]);
    expect(bodiesOf(await get())).toEqual(["x".repeat(1_000)]);
  });

  test("reads and drops a much larger body, so that the client sees its answer", async () => {
    const answer = await post(Buffer.alloc(4_000_000, " "));
    expect(answer.status).toBe(400);
    expect(answer.json.description).toContain("262144");
  });
});

describe("bodies", () => {
  test.each([
    "9007199254740993",
    "-9223372036854775808",
    "1.0",
    "1E400",
    "1.10e-07",
    "-0",
    '"\\u00fc\\/\\ud83d"',
    '{"b":1,"a":2,"b":3}',
    '{ "spaced" :\t[ 1 ,\n2 ] }',
    '"é\u2028\u0000"'.replace("\u0000", "\\u0000"),
  ])("%s comes back byte for byte, from listing, reading and claiming", async (body) => {
    const { json } = await post(`[ {"ttl" : 300 ,"body": ${body} } ]`);
    const href = json.resources[0]!;
    expect((await gateway.call("GET", href)).text).toBe(`{"href": "${href}", "ttl": 300, "age": 0, "body": ${body}}`);
    expect((await get(`?ids=${idOf(href)}`)).text).toBe(`[{"href": "${href}", "ttl": 300, "age": 0, "body": ${body}}]`);
    expect((await get()).text).toContain(`"body": ${body}}], "links": [`);
    const claim = await gateway.call("POST", "/v1/queues/q/claims", { body: { ttl: 60, grace: 60 } });
    expect(claim.text).toContain(`"body": ${body}}]`);
  });
});

describe("5 GET messages", () => {
  test("of a missing queue and of an empty one is 204 (14)", async () => {
    expect((await gateway.call("GET", "/v1/queues/none/messages")).status).toBe(204);
    const answer = await get("?limit=3");
    expect([answer.status, answer.text, answer.headers["content-location"]]).toEqual([204, "", `${path}?limit=3`]);
  });

  test("lists href, ttl, age and body, and no more; hrefs lead to the messages", async () => {
    const hrefs = await gateway.post("q", [{ a: 1 }, "two"]);
    gateway.service.pass(7);
    const answer = await get();
    expect(answer.status).toBe(200);
    expect(answer.headers["content-location"]).toBe(path);
    expect(answer.json.messages).toEqual([
      { href: hrefs[0], ttl: 300, age: 7, body: { a: 1 } },
      { href: hrefs[1], ttl: 300, age: 7, body: "two" },
    ]);
    for (const href of hrefs) expect((await gateway.call("GET", href)).status).toBe(200);
  });

  test("hides one's own messages unless echo=true (4)", async () => {
    await gateway.post("q", ["mine"]);
    await gateway.post("q", ["theirs"], other);
    expect(bodiesOf(await get("", {}))).toEqual(["theirs"]);
    expect(bodiesOf(await get("?echo=false", {}))).toEqual(["theirs"]);
    expect(bodiesOf(await get("?echo=true", {}))).toEqual(["mine", "theirs"]);
  });

  test("pages by an opaque marker, and a next link may be polled for ever (1.6)", async () => {
    await gateway.post(
      "q",
      Array.from({ length: 25 }, (_, i) => i),
    );
    const seen: unknown[] = [];
    let next = `${path}?limit=10&include_claimed=n&echo=1`;
    for (;;) {
      const answer = await gateway.call("GET", next);
      if (answer.status === 204) break;
      seen.push(...bodiesOf(answer));
      expect(answer.json.links).toHaveLength(1);
      expect(answer.json.links[0]!.rel).toBe("next");
      next = answer.json.links[0]!.href;
      expect(next).toMatch(/^\/v1\/queues\/q\/messages\?marker=[^&]+&limit=10&echo=true&include_claimed=false$/);
    }
    expect(seen).toEqual(Array.from({ length: 25 }, (_, i) => i));
    expect((await gateway.call("GET", next)).status).toBe(204);
    await gateway.post("q", ["late"]);
    expect(bodiesOf(await gateway.call("GET", next))).toEqual(["late"]);
  });

  test("shows ten without a limit; the next link names only what was understood", async () => {
    await gateway.post(
      "q",
      Array.from({ length: 25 }, (_, i) => i),
    );
    const answer = await get("?unknown=1&limit=");
    expect(answer.json.messages).toHaveLength(10);
    expect(answer.json.links[0]!.href).toMatch(/messages\?marker=[^&]+$/);
  });

  test.each(["x", "-1", "1.5", "1e3", "99999999999999999999", "\u0000", "ü"])(
    "marker=%s is an empty page (1.6)",
    async (marker) => {
      await gateway.post("q", [1]);
      expect((await get(`?marker=${encodeURIComponent(marker)}`)).status).toBe(204);
    },
  );

  test.each(["limit=0", "limit=21", "limit=-10000000000000000000", "limit=x", "echo=TRUE", "include_claimed=2"])(
    "%s is 400",
    async (query) => expect((await get(`?${query}`)).status).toBe(400),
  );

  test("leaves claimed messages out unless include_claimed, and never shows the claim (5)", async () => {
    const hrefs = await gateway.post("q", [1, 2]);
    await gateway.call("POST", "/v1/queues/q/claims?limit=1", { body: { ttl: 60, grace: 60 } });
    expect(bodiesOf(await get())).toEqual([2]);
    const answer = await get("?include_claimed=true");
    expect(answer.json.messages.map(({ href }) => href)).toEqual(hrefs);
    expect((await gateway.call("GET", hrefs[0] ?? "")).json.href).toBe(hrefs[0]);
  });

  test("a message disappears at its ttl", async () => {
    const [href = ""] = await gateway.post("q", [1]);
    gateway.service.pass(299);
    expect((await gateway.call("GET", href)).json).toMatchObject({ age: 299, ttl: 300 });
    gateway.service.pass(1);
    expect((await gateway.call("GET", href)).status).toBe(404);
  });
});

describe("5 GET messages by ids", () => {
  test("is a bare array of those that exist, in the order asked for (14)", async () => {
    const hrefs = await gateway.post("q", [1, 2, 3]);
    const [a = "", b = "", c = ""] = hrefs.map(idOf);
    const answer = await get(`?ids=${c},nonsense,${a},000000000001000000009999,${c},${b}`, { "Client-ID": "none" });
    expect(answer.status).toBe(200);
    expect(answer.list.map(({ body }) => body)).toEqual([3, 1, 2]);
    expect(answer.headers["content-location"]).toContain("?ids=");
  });

  test("is 204 when none exists, also in a missing queue", async () => {
    for (const ids of ["nonsense", "000000000001000000009999", "ü"]) {
      const answer = await get(`?ids=${encodeURIComponent(ids)}`);
      expect([answer.status, answer.text]).toEqual([204, ""]);
    }
    expect((await gateway.call("GET", "/v1/queues/none/messages?ids=000000000001000000000001")).status).toBe(204);
  });

  test("takes 20 ids and not 21", async () => {
    const ids = (count: number): string => Array.from({ length: count }, (_, i) => String(i)).join(",");
    for (const method of ["GET", "DELETE"]) {
      expect((await gateway.call(method, `${path}?ids=${ids(20)}`)).status).toBe(204);
      const answer = await gateway.call(method, `${path}?ids=${ids(21)}`);
      expect([answer.status, answer.json.title]).toEqual([400, "Invalid API request"]);
      expect(answer.json.description).toContain("20");
    }
  });

  test("an id of another queue or project does not exist (12.2)", async () => {
    const [href = ""] = await gateway.post("q", [1]);
    await gateway.call("PUT", "/v1/queues/mine");
    expect((await gateway.call("GET", `/v1/queues/mine/messages/${idOf(href)}`)).status).toBe(404);
    expect((await gateway.call("GET", href, { headers: { "X-Project-ID": "p" } })).status).toBe(404);
    await gateway.call("DELETE", `/v1/queues/mine/messages/${idOf(href)}`);
    expect((await gateway.call("GET", href)).status).toBe(200);
  });
});

describe("5 DELETE messages by ids", () => {
  test("deletes whether claimed or not, ignores unknown ids, 204 (4, 14)", async () => {
    const hrefs = await gateway.post("q", [1, 2, 3]);
    await gateway.call("POST", "/v1/queues/q/claims?limit=1", { body: { ttl: 60, grace: 60 } });
    const ids = [idOf(hrefs[0] ?? ""), "nonsense", idOf(hrefs[1] ?? ""), "000000000001000000009999"].join(",");
    const answer = await gateway.call("DELETE", `${path}?ids=${ids}`);
    expect([answer.status, answer.text]).toEqual([204, ""]);
    expect(bodiesOf(await get("?include_claimed=true"))).toEqual([3]);
  });

  test("needs ids: 400 without", async () => {
    for (const query of ["", "?ids=", "?ids=,", "?pop=1"]) {
      const answer = await gateway.call("DELETE", path + query);
      expect([answer.status, answer.json.title]).toEqual([400, "Missing parameter"]);
      expect(answer.json.description).toContain('"ids"');
    }
  });
});

describe("5 one message", () => {
  test("GET is 404 for unknown and malformed ids (14)", async () => {
    for (const id of ["000000000001000000009999", "nonsense", "", "%zz", "A".repeat(24)]) {
      const answer = await gateway.call("GET", `${path}/${id}`);
      expect([answer.status, answer.json.title]).toEqual([404, "Not found"]);
    }
  });

  test("GET answers the message with Content-Location", async () => {
    const [href = ""] = await gateway.post("q", [{ a: [1] }]);
    const answer = await gateway.call("GET", href);
    expect(answer.json).toEqual({ href, ttl: 300, age: 0, body: { a: [1] } });
    expect(answer.headers["content-location"]).toBe(href);
  });

  const claim = async (limit = 1): Promise<string> => {
    const answer = await gateway.call("POST", `/v1/queues/q/claims?limit=${limit}`, { body: { ttl: 60, grace: 60 } });
    return String(answer.headers.location).split("/").at(-1) ?? "";
  };
  const remove = async (href: string, claimId?: string): Promise<[number, string | undefined]> => {
    const answer = await gateway.call("DELETE", claimId === undefined ? href : `${href}?claim_id=${claimId}`);
    return [answer.status, answer.json.title];
  };
  const unknownClaim = "00000000ffff00000000";
  const refused = (status: number): [number, string] => [status, "Unable to delete"];

  test("DELETE of an unclaimed message", async () => {
    const hrefs = await gateway.post("q", [1, 2]);
    const [first = "", second = ""] = hrefs;
    const otherClaim = await claim();
    expect(await remove(second, otherClaim)).toEqual(refused(400));
    expect(await remove(second, unknownClaim)).toEqual(refused(400));
    expect(await remove(second, "malformed")).toEqual(refused(400));
    expect(await remove(second, "")).toEqual([204, undefined]);
    expect((await gateway.call("GET", first)).status).toBe(200);
  });

  test("DELETE of a claimed message", async () => {
    const [first = ""] = await gateway.post("q", [1, 2]);
    const [own, otherClaim] = [await claim(), await claim()];
    expect(await remove(first)).toEqual(refused(403));
    expect(await remove(first, otherClaim)).toEqual(refused(403));
    expect(await remove(first, unknownClaim)).toEqual(refused(400));
    expect(await remove(first, "malformed")).toEqual(refused(400));
    expect(await remove(first, own)).toEqual([204, undefined]);
    expect((await gateway.call("GET", first)).status).toBe(404);
  });

  test("DELETE after the claim expired", async () => {
    const [first = ""] = await gateway.post("q", [1, 2]);
    const expired = await claim();
    gateway.service.pass(61);
    expect(await remove(first, expired)).toEqual(refused(400));
    expect(await remove(first, "malformed")).toEqual(refused(400));
    expect(await remove(first)).toEqual([204, undefined]);
  });

  test("DELETE of a message that is gone", async () => {
    const [first = ""] = await gateway.post("q", [1, 2]);
    await remove(first);
    const live = await claim();
    expect(await remove(first)).toEqual([204, undefined]);
    expect(await remove(first, live)).toEqual([204, undefined]);
    expect(await remove(first, unknownClaim)).toEqual([204, undefined]);
    expect(await remove(first, "malformed")).toEqual(refused(400));
    expect(await remove(`${path}/nonsense`)).toEqual([204, undefined]);
    expect(await remove("/v1/queues/none/messages/000000000001000000000001")).toEqual([204, undefined]);
  });
});
