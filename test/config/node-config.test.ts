import { describe, expect, test } from "@jest/globals";
import { nodeSchema } from "../../src/config/node-config.js";
import { type Flags, resolve } from "../../src/config/schema.js";

const good: Flags = {
  nodeId: "n1",
  clusterId: "4f2c1a52-6f0e-4a0e-9d5a-0c7a3a1f7f11",
  dataDir: "/var/lib/marconi",
  members: "n1=a:7101,n2=b:7101,n3=c:7101",
};
const resolveNode = (flags: Flags) => resolve(nodeSchema, { ...good, ...flags }, {}).config;

describe("a node's configuration", () => {
  test("needs an identity, a folder and the members; the rest has defaults", () => {
    const config = resolveNode({});
    expect(config).toMatchObject({
      partitions: 12,
      replicationFactor: 3,
      tickMs: 50,
      electionTicks: 20,
      segmentMib: 64,
    });
    expect(config.members.map((member) => member.id)).toEqual(["n1", "n2", "n3"]);
    for (const key of Object.keys(good))
      expect(() => resolve(nodeSchema, { ...good, [key]: undefined }, {})).toThrow("is missing");
  });

  test.each<[Flags, string]>([
    [{ nodeId: "n4" }, '--members does not name this node, "n4"'],
    [{ members: "n1=a:1,n1=b:1,n3=c:1" }, "names a node twice"],
    [{ members: "n1=a:1,n2=a:1,n3=c:1" }, "names an address twice"],
    [{ members: "n1=a:1" }, "--replication-factor 3 needs as many nodes; --members names 1"],
    [{ electionTicks: "9" }, "at least 5 times"],
    [{ drainMs: "10000" }, "--drain-ms must be less than --stop-timeout-ms"],
    [{ clusterId: "4F2C1A52-6F0E-4A0E-9D5A-0C7A3A1F7F11" }, "must be a UUID in lower case"],
    [{ partitions: "0" }, "must be a whole number in 1..4096"],
  ])("%j is refused", (flags, message) => {
    expect(() => resolveNode(flags)).toThrow(message);
  });
});
