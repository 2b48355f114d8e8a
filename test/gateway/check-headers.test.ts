import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { CLIENT, Harness } from "./harness.js";

let gateway: Harness;
beforeAll(async () => {
  gateway = await Harness.start();
  await gateway.call("PUT", "/v1/queues/q");
});
afterAll(() => gateway.stop());

const FORM = "application/x-www-form-urlencoded";
const badClient = { "Client-ID": "nonsense" };
const badAccept = { Accept: "text/plain" };
const form = { "Content-Type": FORM };
const badProject = { "X-Project-ID": "" };

describe("1.2 request headers", () => {
  test("Client-ID is optional in v1, but required for posting and listing messages", async () => {
    const none = { headers: { "Client-ID": "none" } };
    expect((await gateway.call("GET", "/v1/queues/q", none)).status).toBe(204);
    expect((await gateway.call("GET", "/v1/queues/q/stats", none)).status).toBe(200);
    expect((await gateway.call("GET", "/v1/queues/q/messages?ids=000000000001000000000001", none)).status).toBe(204);
    for (const method of ["GET", "POST"]) {
      const answer = await gateway.call(method, "/v1/queues/q/messages", none);
      expect(answer.status).toBe(400);
      expect(answer.json.title).toBe("Missing header value");
      expect(answer.json.description).toContain("Client-ID");
    }
  });

  test.each(["", "null", "nonsense", `${CLIENT}0`, CLIENT.slice(1)])(
    "Client-ID %j is not a UUID: 400 on any route",
    async (id) => {
      for (const path of ["/v1/queues", "/v1/queues/q", "/v1/", "/v1/health"]) {
        const answer = await gateway.call("GET", path, { headers: { "Client-ID": id } });
        expect(answer.status).toBe(400);
        expect(answer.json.title).toBe("Wrong UUID value");
      }
    },
  );

  test("Client-ID is compared by value: with or without dashes, in either case", async () => {
    await gateway.call("PUT", "/v1/queues/echo");
    await gateway.post("echo", ["mine"], { "Client-ID": CLIENT.replaceAll("-", "").toUpperCase() });
    expect((await gateway.call("GET", "/v1/queues/echo/messages")).status).toBe(204);
  });

  test("X-Project-ID: no header is the nameless tenant, an empty one is 400, others are apart", async () => {
    const answer = await gateway.call("GET", "/v1/queues", { headers: badProject });
    expect(answer.status).toBe(400);
    expect(answer.json.title).toBe("Empty project header not allowed");
    const other = { headers: { "X-Project-ID": "tenant" } };
    expect((await gateway.call("GET", "/v1/queues/q", other)).status).toBe(404);
    expect((await gateway.call("PUT", "/v1/queues/mine", other)).status).toBe(201);
    expect((await gateway.call("GET", "/v1/queues/mine")).status).toBe(404);
  });

  test("X-Project-ID is at most 256 characters, where a queue is named", async () => {
    const project = (length: number): object => ({ headers: { "X-Project-ID": "p".repeat(length) } });
    expect((await gateway.call("PUT", "/v1/queues/long", project(256))).status).toBe(201);
    const answer = await gateway.call("PUT", "/v1/queues/long", project(257));
    expect(answer.status).toBe(400);
    expect(answer.json.description).toContain("256");
    expect((await gateway.call("GET", "/v1/queues", project(257))).status).toBe(204);
  });

  test("a project that looks like a pattern is only a name (12.3)", async () => {
    expect((await gateway.call("GET", "/v1/queues", { headers: { "X-Project-ID": ".*" } })).status).toBe(204);
  });

  test("Accept must admit JSON: 406 without a body on every GET, 204 with */*", async () => {
    const paths = ["", "s", "s/q", "s/q/metadata", "s/q/stats", "s/q/messages", "s/q/messages/x", "s/q/claims/x"];
    for (const path of ["/", "/v1/", "/v1/health", ...paths.slice(1).map((rest) => `/v1/queue${rest}`)]) {
      const answer = await gateway.call("GET", path, { headers: badAccept });
      expect({ path, status: answer.status, text: answer.text }).toEqual({ path, status: 406, text: "" });
      expect(answer.headers.vary).toBe("Accept");
    }
    expect((await gateway.call("PUT", "/v1/queues/q", { headers: { Accept: "plain/text" } })).status).toBe(406);
    expect((await gateway.call("PUT", "/v1/queues/q", { headers: { Accept: "*/*" } })).status).toBe(204);
  });

  test("Content-Type is ignored, but not the one that curl sends unasked", async () => {
    const body = [{ ttl: 60, body: 1 }];
    const call = (type: string): Promise<{ status: number }> =>
      gateway.call("POST", "/v1/queues/q/messages", { body, headers: { "Content-Type": type } });
    expect((await call("text/plain")).status).toBe(201);
    expect((await call("nonsense")).status).toBe(201);
    expect((await call(FORM)).status).toBe(400);
    expect((await call(`${FORM}; charset=utf-8`)).status).toBe(400);
    const answer = await gateway.call("POST", "/v1/queues/q/messages", { body, headers: form, chunked: true });
    expect(answer.json.title).toBe("Invalid Content-Type");
    expect((await gateway.call("GET", "/v1/queues/q", { headers: form })).status).toBe(204);
  });

  test("signature headers mean nothing in v1", async () => {
    const headers = { "URL-Signature": "", "URL-Methods": "GET", "X-Auth-Token": "x" };
    expect((await gateway.call("GET", "/v1/queues/q", { headers })).status).toBe(204);
  });
});

describe("1.3 the order of checks", () => {
  const everythingWrong = { ...badClient, ...badAccept, ...form, ...badProject };
  const order: [
    what: string,
    path: string,
    headers: Record<string, string>,
    status: number,
    title: string | undefined,
  ][] = [
    ["an unknown route", "/v1/nothing", everythingWrong, 404, "404 Not Found"],
    ["an urlencoded body", "/v1/queues/bad name", everythingWrong, 400, "Invalid Content-Type"],
    ["Accept", "/v1/queues/bad name", { ...badClient, ...badAccept, ...badProject }, 406, undefined],
    ["Client-ID", "/v1/queues/bad name", { ...badClient, ...badProject }, 400, "Wrong UUID value"],
    ["the project", "/v1/queues/bad name", badProject, 400, "Empty project header not allowed"],
    ["the queue's name", "/v1/queues/bad name", {}, 400, "Invalid queue identification"],
    ["the method", "/v1/queues/name", {}, 405, "405 Method Not Allowed"],
  ];

  test.each(order)("%s comes next", async (_what, path, headers, status, title) => {
    const answer = await gateway.call("POST", encodeURI(path), { headers, body: "x=1" });
    expect(answer.status).toBe(status);
    expect(answer.json.title).toBe(title);
  });

  test("OPTIONS needs the same headers, then says what is allowed", async () => {
    expect((await gateway.call("OPTIONS", "/v1/queues/q", { headers: badProject })).status).toBe(400);
    const answer = await gateway.call("OPTIONS", "/v1/queues/q");
    expect(answer.status).toBe(200);
    expect(answer.text).toBe("");
    expect(answer.headers.allow).toBe("GET, HEAD, PUT, DELETE, OPTIONS");
  });

  test.each([
    ["/v1/", ["GET"]],
    ["/v1/health", ["GET", "HEAD"]],
    ["/v1/queues", ["GET"]],
    ["/v1/queues/q", ["GET", "HEAD", "PUT", "DELETE"]],
    ["/v1/queues/q/metadata", ["GET", "PUT"]],
    ["/v1/queues/q/stats", ["GET"]],
    ["/v1/queues/q/messages", ["GET", "POST", "DELETE"]],
    ["/v1/queues/q/messages/x", ["GET", "DELETE"]],
    ["/v1/queues/q/claims", ["POST"]],
    ["/v1/queues/q/claims/x", ["GET", "PATCH", "DELETE"]],
  ])("%s has the methods %j; others are 405 with Allow", async (path, allowed) => {
    for (const method of ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"]) {
      const answer = await gateway.call(method, path);
      expect({ method, is405: answer.status === 405 }).toEqual({ method, is405: !allowed.includes(method) });
      if (answer.status === 405) expect(answer.headers.allow).toBe([...allowed, "OPTIONS"].join(", "));
    }
    await gateway.call("PUT", "/v1/queues/q");
  });
});

describe("1.7 names", () => {
  test.each(["a", "a".repeat(64), "A-z_0.9", "...", "-"])("%j is one", async (name) => {
    expect([201, 204]).toContain((await gateway.call("PUT", `/v1/queues/${name}`)).status);
  });

  test.each(["", "a".repeat(65), "a b", "ä", "日本", "a\n", "a:b", "%", "a~"])("%j is none: 400", async (name) => {
    for (const method of ["PUT", "GET", "HEAD", "DELETE"]) {
      const answer = await gateway.call(method, `/v1/queues/${encodeURIComponent(name)}`);
      expect(answer.status).toBe(400);
      if (method !== "HEAD") expect(answer.json.title).toBe("Invalid queue identification");
    }
    const answer = await gateway.call("GET", `/v1/queues/${encodeURIComponent(name)}`);
    expect(answer.json.description).toContain("64");
  });

  test("names in raw bytes or broken percent-encoding are none either", async () => {
    for (const path of ["/v1/queues/%zz", "/v1/queues/%ff%fe", "/v1/queues/%"])
      expect((await gateway.call("PUT", path)).status).toBe(400);
    const raw = Buffer.from("PUT /v1/queues/\xfc\xe9 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "latin1");
    expect(await gateway.raw(raw)).toMatch(/^HTTP\/1\.1 400 /);
  });

  test("a slash is the end of a name, also in percent-encoding", async () => {
    expect((await gateway.call("PUT", "/v1/queues/a%2Fb")).status).toBe(404);
    expect((await gateway.call("GET", "/v1/queues/q%2Fstats")).status).toBe(200);
  });

  test("are case-sensitive, and percent-encoding does not change them", async () => {
    await gateway.call("PUT", "/v1/queues/Case");
    expect((await gateway.call("GET", "/v1/queues/case")).status).toBe(404);
    expect((await gateway.call("GET", "/v1/queues/%43ase")).status).toBe(204);
  });
});
