import { describe, expect, test } from "@jest/globals";
import { gatewaySchema } from "../../src/config/gateway-config.js";
import { resolve } from "../../src/config/schema.js";

describe("a gateway's configuration", () => {
  test("needs nodes to ask", () => {
    expect(resolve(gatewaySchema, { nodes: "a:1,b:2" }, {}).config).toMatchObject({
      nodes: ["a:1", "b:2"],
      listen: "127.0.0.1:8888",
      clusterId: "",
    });
    expect(() => resolve(gatewaySchema, {}, {})).toThrow("--nodes is missing");
  });

  test("names every node once", () => {
    expect(() => resolve(gatewaySchema, { nodes: "a:1,a:1" }, {})).toThrow("names an address twice");
  });
});
