import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Harness } from "../harness.js";

interface Resource {
  readonly "href-template": string;
  readonly "href-vars": Record<string, string>;
  readonly hints: object;
}

let gateway: Harness;
beforeAll(async () => (gateway = await Harness.start()));
afterAll(() => gateway.stop());

async function resources(): Promise<Record<string, Resource>> {
  const { text } = await gateway.call("GET", "/v1/");
  return (JSON.parse(text) as { resources: Record<string, Resource> }).resources;
}

describe("5 GET /v1/", () => {
  test("is a home document, to be kept for a day", async () => {
    const answer = await gateway.call("GET", "/v1/", { headers: { "Client-ID": "none" } });
    expect(answer.status).toBe(200);
    expect(answer.headers["content-type"]).toBe("application/json-home");
    expect(answer.headers["cache-control"]).toBe("max-age=86400");
    expect(answer.headers["content-location"]).toBe("/v1/");
  });

  test("may be asked for by its own media type", async () => {
    const answer = await gateway.call("GET", "/v1/", { headers: { Accept: "application/json-home" } });
    expect(answer.status).toBe(200);
  });

  test("names the resources of v1, each template under /v1, each variable declared", async () => {
    const { text } = await gateway.call("GET", "/v1/");
    const all = await resources();
    expect(Object.keys(all)).toEqual(
      ["queues", "queue", "queue-metadata", "queue-stats", "messages", "post-messages", "claim"].map(
        (name) => `rel/${name}`,
      ),
    );
    for (const resource of Object.values(all)) {
      const template = resource["href-template"];
      expect(template.startsWith("/v1/")).toBe(true);
      const variables = [...template.matchAll(/\{\??([a-z_,]+)\}/g)].flatMap(([, names]) => (names ?? "").split(","));
      expect(Object.keys(resource["href-vars"])).toEqual(variables);
      expect(resource.hints).toMatchObject({ formats: { "application/json": {} } });
    }
    expect(all["rel/post-messages"]?.hints).toMatchObject({
      allow: ["POST"],
      "accept-post": ["application/json"],
    });
    expect(text).toContain(
      '"href-template": "/v1/queues/{queue_name}", "href-vars": {"queue_name": "param/queue_name"}',
    );
  });

  test("rel/queue expands to a URL that works", async () => {
    const path = String((await resources())["rel/queue"]?.["href-template"]).replace("{queue_name}", "from-home");
    expect((await gateway.call("PUT", path)).status).toBe(201);
    expect((await gateway.call("GET", path)).status).toBe(204);
  });
});
