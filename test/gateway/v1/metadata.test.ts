import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type Answer, Harness } from "../harness.js";

let gateway: Harness;
const path = "/v1/queues/q/metadata";
beforeAll(async () => {
  gateway = await Harness.start();
  await gateway.call("PUT", "/v1/queues/q");
});
afterAll(() => gateway.stop());

const put = (body: unknown): Promise<Answer> => gateway.call("PUT", path, { body });

describe("5 /v1/queues/{q}/metadata", () => {
  test("is {} when never set, 404 without the queue", async () => {
    const answer = await gateway.call("GET", path);
    expect([answer.status, answer.text, answer.headers["content-location"]]).toEqual([200, "{}", path]);
    for (const method of ["GET", "PUT"]) {
      const missing = await gateway.call(method, "/v1/queues/none/metadata", method === "PUT" ? { body: {} } : {});
      expect([missing.status, missing.json.title]).toEqual([404, "Not found"]);
    }
  });

  test("PUT is 204 with Location and replaces all of it, byte for byte", async () => {
    for (const text of ['{"a": 1, "b": [true, null]}', '{ "big" : 9007199254740993, "ü" : 1.0 }', "{}"]) {
      const answer = await put(text);
      expect([answer.status, answer.text, answer.headers.location]).toEqual([204, "", path]);
      expect((await gateway.call("GET", path)).text).toBe(text);
    }
  });

  test("keys that begin with an underscore are reserved, however they are spelt", async () => {
    for (const body of ['{"_x": 1}', '{"\\u005fx": 1}', '{"__proto__": {}}', '{"_": 1}']) {
      const answer = await put(body);
      expect([answer.status, answer.json.title]).toEqual([400, "Invalid API request"]);
      expect(answer.json.description).toContain("underscore");
    }
    expect((await put('{"inner": {"_x": 1}}')).status).toBe(204);
  });

  test.each(["", "[]", '"x"', "5", "null", "{", "[1]", '{"a": 10000000000000000000}', '{"a": NaN}'])(
    "%j is 400",
    async (body) => {
      const answer = await put(body);
      expect([answer.status, answer.json.title]).toEqual([400, "Invalid request body"]);
    },
  );

  test("a missing body is 400", async () => {
    expect((await gateway.call("PUT", path)).json.title).toBe("Invalid request body");
  });

  test("65,536 bytes pass, one more does not (3)", async () => {
    const sized = (bytes: number): string => `{"a": "${"x".repeat(bytes - 9)}"}`;
    expect((await put(sized(65_536))).status).toBe(204);
    const answer = await put(sized(65_537));
    expect(answer.status).toBe(400);
    expect(answer.json.description).toContain("65536");
    expect((await gateway.call("PUT", path, { body: sized(65_537), chunked: true })).status).toBe(400);
    expect((await gateway.call("PUT", path, { body: sized(65_536), chunked: true })).status).toBe(204);
  });
});
