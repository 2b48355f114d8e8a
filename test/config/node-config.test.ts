import { describe, expect, test } from "@jest/globals";
import { advertisedAddress, nodeSchema } from "../../src/config/node-config.js";
import { type Flags, resolve } from "../../src/config/schema.js";

const identity: Flags = {
  nodeId: "n1",
  clusterId: "4f2c1a52-6f0e-4a0e-9d5a-0c7a3a1f7f11",
  dataDir: "/var/lib/marconi",
};
const good: Flags = { ...identity, members: "n1=a:7101,n2=b:7101,n3=c:7101" };
const resolveNode = (flags: Flags) => resolve(nodeSchema, { ...good, ...flags }, {}).config;
const resolveJoining = (flags: Flags) =>
  resolve(nodeSchema, { ...identity, join: "b:7101,c:7101", ...flags }, {}).config;

describe("a node's configuration", () => {
  test("needs an identity, a folder and the founding members; the rest has defaults", () => {
    const config = resolveNode({});
    expect(config).toMatchObject({
      join: [],
      replaceData: false,
      partitions: 12,
      replicationFactor: 3,
      tickMs: 50,
      electionTicks: 20,
      clockSkewMaxMs: 500,
      movesMax: 4,
      segmentMib: 64,
    });
    expect(config.members.map((member) => member.id)).toEqual(["n1", "n2", "n3"]);
    for (const key of Object.keys(identity))
      expect(() => resolve(nodeSchema, { ...good, [key]: undefined }, {})).toThrow("is missing");
  });

  test("needs members of a cluster instead when it is to be taken in, and no copies of its own", () => {
    expect(resolveJoining({})).toMatchObject({ members: [], join: ["b:7101", "c:7101"] });
    expect(resolveJoining({ join: "b:7101", replicationFactor: "7", replaceData: true }).replaceData).toBe(true);
    expect(() => resolve(nodeSchema, identity, {})).toThrow(
      "either --members must be given, to found a cluster, or --join, to be taken in by one",
    );
  });

  test("may have both: a founding member that lost its disk, or a later one that is told the founders", () => {
    expect(resolveNode({ join: "b:7101" }).members).toHaveLength(3);
    expect(resolveNode({ nodeId: "n4", join: "a:7101" }).members).toHaveLength(3);
    // The same list on every node of a cluster may name the node itself, too.
    expect(resolveNode({ join: "a:7101,b:7101" }).join).toHaveLength(2);
  });

  test.each<[Flags, string]>([
    [{ nodeId: "n4" }, '--members does not name this node, "n4"; a node that is not a founding one needs --join'],
    [{ members: "n1=a:1,n1=b:1,n3=c:1" }, "names a node twice"],
    [{ members: "n1=a:1,n2=a:1,n3=c:1" }, "names an address twice"],
    [{ members: "n1=a:1" }, "--replication-factor 3 needs as many nodes; --members names 1"],
    [{ members: "n1=a:1", join: "b:1" }, "--replication-factor 3 needs as many nodes; --members names 1"],
    [{ join: "b:7101,b:7101" }, "--join names an address twice"],
    [{ join: "a:7101" }, "--join names only this node, a:7101"],
    [{ join: "b" }, 'must be host:port with a port in 1..65535, not "b"'],
    [{ replaceData: true }, "--replace-data needs --join"],
    [{ advertise: "a" }, "--advertise must be host:port"],
    [{ clockSkewMaxMs: "49" }, "must be a whole number in 50..60000"],
    [{ movesMax: "0" }, "must be a whole number in 1..64"],
    [{ electionTicks: "9" }, "at least 5 times"],
    [{ drainMs: "10000" }, "--drain-ms must be less than --stop-timeout-ms"],
    [{ clusterId: "4F2C1A52-6F0E-4A0E-9D5A-0C7A3A1F7F11" }, "must be a UUID in lower case"],
    [{ partitions: "0" }, "must be a whole number in 1..4096"],
  ])("%j is refused", (flags, message) => {
    expect(() => resolveNode(flags)).toThrow(message);
  });

  test("a node that would only ask itself is refused, wherever it listens", () => {
    expect(() => resolveJoining({ join: "127.0.0.1:7101" })).toThrow("--join names only this node");
    expect(() => resolveJoining({ join: "x:1,127.0.0.1:7101", advertise: "x:1" })).toThrow("only this node, x:1");
  });

  test("is reached where it says, else where the members say, else where it listens", () => {
    expect(advertisedAddress(resolveNode({ advertise: "x:1" }))).toBe("x:1");
    expect(advertisedAddress(resolveNode({}))).toBe("a:7101");
    expect(advertisedAddress(resolveJoining({ listen: "d:7101" }))).toBe("d:7101");
    expect(advertisedAddress(resolveNode({ nodeId: "n4", join: "a:7101", listen: "d:7101" }))).toBe("d:7101");
  });
});
