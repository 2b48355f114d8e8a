import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { leadCount, probe } from "../../../src/cli/dev/readiness.js";

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
    [200, true],
    [204, true],
    [503, false],
    [404, false],
  ])("%i", async (status, expected) => {
    answer = { status, body: "" };
    expect(await probe(url)).toBe(expected);
  });

  test("where nobody listens finds nothing ready", async () => {
    server.close();
    await once(server, "close");
    expect(await probe(url)).toBe(false);
    expect(await leadCount(url)).toBeUndefined();
  });
});

test("the partitions that a node leads are counted in its metrics", async () => {
  const series = [1, 0, 1].map((value, i) => `marconi_raft_is_leader{partition="${i}"} ${value}`);
  answer = {
    status: 200,
    body: ["# TYPE marconi_raft_is_leader gauge", ...series, "marconi_gateways 1", ""].join("\n"),
  };
  expect(await leadCount(url)).toBe(2);
  answer = { status: 200, body: "marconi_gateways 1\n" };
  expect(await leadCount(url)).toBe(0);
});
