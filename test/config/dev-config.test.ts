import { describe, expect, test } from "@jest/globals";
import { devPorts, devReplicationFactor, devSchema } from "../../src/config/dev-config.js";
import { type Flags, resolve } from "../../src/config/schema.js";

const numbers = Array.from({ length: 15 }, (_, i) => i + 1);
const resolveDev = (flags: Flags, environment = {}) => resolve(devSchema, flags, environment).config;

describe("a dev cluster's configuration", () => {
  test("needs nothing", () => {
    expect(resolveDev({})).toMatchObject({ nodes: 3, port: 8888, partitions: 12, data: "./data", reset: false });
  });

  test("has variables of its own, so that a gateway's list of nodes is not taken for a number of nodes", () => {
    expect(resolveDev({}, { MARCONI_NODES: "a:1", MARCONI_DEV_NODES: "5" }).nodes).toBe(5);
  });

  test.each([
    [1, 0, 1],
    [2, 0, 2],
    [3, 0, 3],
    [12, 0, 3],
    [5, 5, 5],
  ])("%i nodes and a factor of %i make %i copies", (nodes, factor, copies) => {
    const config = resolveDev({ nodes: String(nodes), replicationFactor: String(factor) });
    expect(devReplicationFactor(config)).toBe(copies);
  });

  test("no more copies than nodes", () => {
    expect(() => resolveDev({ nodes: "3", replicationFactor: "5" })).toThrow(
      "--replication-factor 5 needs as many nodes",
    );
  });

  test("every process has ports of its own", () => {
    const ports = devPorts(resolveDev({ nodes: "15" }), numbers).map(({ port }) => port);
    expect(new Set(ports).size).toBe(ports.length);
    expect(ports).toHaveLength(32);
    expect(() => resolveDev({ port: "7102" })).toThrow(
      "port 7102 is wanted for the gateway and for node n2: change --port or --base-port",
    );
  });

  test("the highest ports are still ports", () => {
    const config = resolveDev({ nodes: "15", basePort: "65520", metricsBasePort: "60000" });
    expect(Math.max(...devPorts(config, numbers).map(({ port }) => port))).toBe(65_535);
  });
});
