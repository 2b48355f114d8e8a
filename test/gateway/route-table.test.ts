import { describe, expect, test } from "@jest/globals";
import { noContent } from "../../src/gateway/reply.js";
import { type Api, type RouteDefinition, RouteTable } from "../../src/gateway/route-table.js";

const rules = { clientId: "optional", project: "optional" } as const;
const route = (path: string): RouteDefinition => ({ path, methods: { GET: () => noContent, PUT: () => noContent } });
const api = (prefix: string, ...paths: string[]): Api => ({ prefix, rules, routes: paths.map(route) });

describe("the route table", () => {
  const table = new RouteTable([
    api("", "/"),
    api("/v1", "/", "/queues", "/queues/{queue}", "/queues/{queue}/messages/{message}"),
    api("/v1.1", "/queues/{queue}"),
  ]);

  const find = (path: string): [string | undefined, ...string[]] => {
    const captures: string[] = [];
    return [table.find(path, captures)?.template, ...captures];
  };

  test("finds a route by its path and captures what stands for parameters", () => {
    expect(find("/")).toEqual(["/"]);
    expect(find("/v1/queues")).toEqual(["/v1/queues"]);
    expect(find("/v1/queues/a.b")).toEqual(["/v1/queues/{queue}", "a.b"]);
    expect(find("/v1/queues/a/messages/x")).toEqual(["/v1/queues/{queue}/messages/{message}", "a", "x"]);
    expect(find("/v1.1/queues/a")).toEqual(["/v1.1/queues/{queue}", "a"]);
  });

  test("a home document is at its prefix with a slash, not without (1.1)", () => {
    expect(find("/v1/")).toEqual(["/v1/"]);
    expect(find("/v1")).toEqual([undefined]);
  });

  test("an empty name is a name, if a bad one (1.1)", () => {
    expect(find("/v1/queues/")).toEqual(["/v1/queues/{queue}", ""]);
  });

  test.each([
    "",
    "*",
    "//",
    "/v",
    "/v1/queue",
    "/V1/queues",
    "/v1/queues/a/",
    "/v1/queues/a/messages/x/y",
    "/v2/queues",
  ])("knows nothing of %j", (path) => expect(find(path)[0]).toBeUndefined());

  test("says which methods a route has, OPTIONS among them", () => {
    expect(table.find("/v1/queues", [])?.allow).toBe("GET, PUT, OPTIONS");
  });

  test("refuses two routes for one path", () => {
    expect(() => new RouteTable([api("/v1", "/a/{x}", "/a/{y}")])).toThrow("two routes");
  });
});
