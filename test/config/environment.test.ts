import { describe, expect, test } from "@jest/globals";
import { refuseUnknownVariables } from "../../src/config/environment.js";

describe("variables of the environment", () => {
  test("those of every command are known, others' names do not matter", () => {
    expect(() =>
      refuseUnknownVariables({
        MARCONI_TICK_MS: "5",
        MARCONI_NODES: "a:1",
        MARCONI_NODE: "a:1",
        MARCONI_DEV_NODES: "3",
        HOME: "/",
      }),
    ).not.toThrow();
  });

  test("a misspelt one is refused by name", () => {
    expect(() => refuseUnknownVariables({ MARCONI_TICKMS: "5" })).toThrow("MARCONI_TICKMS is not a setting");
  });

  test("those that Kubernetes makes for a service called marconi are let be", () => {
    expect(() =>
      refuseUnknownVariables({
        MARCONI_SERVICE_HOST: "10.0.0.1",
        MARCONI_SERVICE_PORT: "8888",
        MARCONI_SERVICE_PORT_HTTP: "8888",
        MARCONI_PORT: "tcp://10.0.0.1:8888",
        MARCONI_PORT_8888_TCP: "tcp://10.0.0.1:8888",
        MARCONI_PORT_8888_TCP_ADDR: "10.0.0.1",
        MARCONI_GATEWAY_PORT_8888_TCP_PROTO: "tcp",
      }),
    ).not.toThrow();
  });
});
