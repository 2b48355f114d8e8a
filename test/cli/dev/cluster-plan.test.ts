import { describe, expect, test } from "@jest/globals";
import { planCluster } from "../../../src/cli/dev/cluster-plan.js";
import { devSchema, type Flags, gatewaySchema, nodeSchema, resolve } from "../../../src/config/index.js";

const cluster = {
  clusterId: "4f2c1a52-6f0e-4a0e-9d5a-0c7a3a1f7f11",
  nodes: 2,
  partitions: 5,
  replicationFactor: 2,
} as const;
const plan = planCluster("/data", cluster, resolve(devSchema, { host: "localhost", logLevel: "warn" }, {}).config);

/** What a process makes of its arguments. */
function flagsOf(args: readonly string[]): Flags {
  const flags: Record<string, string> = {};
  for (let i = 1; i < args.length; i += 2)
    flags[args[i]!.slice(2).replace(/-./g, (part) => part.charAt(1).toUpperCase())] = args[i + 1]!;
  return flags;
}

describe("the processes of a dev cluster", () => {
  test("every node is told the same cluster and a place of its own", () => {
    const configs = plan.nodes.map((node) => resolve(nodeSchema, flagsOf(node.args), {}).config);
    expect(configs).toHaveLength(2);
    for (const config of configs)
      expect(config).toMatchObject({
        clusterId: cluster.clusterId,
        partitions: 5,
        replicationFactor: 2,
        logLevel: "warn",
      });
    expect(configs.map((config) => [config.nodeId, config.dataDir, config.listen, config.metricsPort])).toEqual([
      ["n1", "/data/n1", "localhost:7101", 9101],
      ["n2", "/data/n2", "localhost:7102", 9102],
    ]);
    expect(plan.nodes.map((node) => node.readyUrl)).toEqual([
      "http://localhost:9101/ready",
      "http://localhost:9102/ready",
    ]);
  });

  test("a node that joined later asks the founders to take it in, and nobody starts one that was removed", () => {
    const grown = { ...cluster, founders: 2, nodes: 5, removed: ["n2", "n4"] };
    const { config } = resolve(devSchema, {}, {});
    const { nodes, gateway, members } = planCluster("/data", grown, config);
    const configs = nodes.map((node) => resolve(nodeSchema, flagsOf(node.args), {}).config);
    expect(configs.map(({ nodeId, listen, metricsPort, join }) => [nodeId, listen, metricsPort, join])).toEqual([
      ["n1", "127.0.0.1:7101", 9101, []],
      ["n3", "127.0.0.1:7103", 9103, ["127.0.0.1:7101"]],
      ["n5", "127.0.0.1:7105", 9105, ["127.0.0.1:7101"]],
    ]);
    // For ever the same on every founder, whoever was removed.
    expect(configs.map((one) => one.members.map(({ id }) => id))).toEqual([["n1", "n2"], [], []]);
    const living = ["127.0.0.1:7101", "127.0.0.1:7103", "127.0.0.1:7105"];
    expect(members.map(({ address }) => address)).toEqual(living);
    expect(resolve(gatewaySchema, flagsOf(gateway.args), {}).config.nodes).toEqual(living);
  });

  test("without any founder left, a new node asks whoever is there", () => {
    const grown = { ...cluster, founders: 1, nodes: 3, removed: ["n1"] };
    const { nodes } = planCluster("/data", grown, resolve(devSchema, {}, {}).config);
    const joins = nodes.map((node) => resolve(nodeSchema, flagsOf(node.args), {}).config.join);
    expect(joins).toEqual([["127.0.0.1:7103"], ["127.0.0.1:7102"]]);
  });

  test("the gateway is told all nodes", () => {
    const { config } = resolve(gatewaySchema, flagsOf(plan.gateway.args), {});
    expect(config).toMatchObject({ listen: "localhost:8888", nodes: ["localhost:7101", "localhost:7102"] });
    expect(plan.url).toBe("http://localhost:8888");
  });
});
