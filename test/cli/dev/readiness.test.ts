import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { probe } from "../../../src/cli/dev/readiness.js";

let server = http.createServer();
let answer = { status: 200, body: "" };
let url = "";

beforeEach(async () => {
  server = http.createServer((_request, response) => {
    response.statusCode = answer.status;
    response.end(answer.body);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/ready`;
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

describe("a probe", () => {
  test.each([
    [200, '{"leads":4}', { ready: true, details: { leads: 4 } }],
    [503, '{"leads":0}', { ready: false, details: { leads: 0 } }],
    [200, "fine", { ready: true, details: {} }],
    [204, "", { ready: true, details: {} }],
    [200, "null", { ready: true, details: {} }],
  ])("%i %j", async (status, body, expected) => {
    answer = { status, body };
    expect(await probe(url)).toEqual(expected);
  });

  test("where nobody listens finds nothing ready", async () => {
    server.close();
    await once(server, "close");
    expect(await probe(url)).toEqual({ ready: false, details: {} });
  });
});
