import { describe, expect, test } from "@jest/globals";
import { MemberMap } from "../../src/node/members.js";

const members = ["n3", "n1", "n2", "n5", "n4"].map((id) => ({ id, address: `${id}:7000` }));

describe("static membership", () => {
  test("the map is the same whatever the order of the flags", () => {
    const one = new MemberMap(members, 12, 3);
    const other = new MemberMap([...members].reverse(), 12, 3);
    for (let partition = 0; partition < 12; partition++)
      expect(one.nodesOf(partition)).toEqual(other.nodesOf(partition));
  });

  test("every partition has as many different nodes as replicas, and first places are spread evenly", () => {
    const map = new MemberMap(members, 10, 3);
    const first = new Map<string, number>();
    for (let partition = 0; partition < 10; partition++) {
      const nodes = map.nodesOf(partition);
      expect(new Set(nodes).size).toBe(3);
      const leader = nodes[0] ?? "";
      first.set(leader, (first.get(leader) ?? 0) + 1);
    }
    expect([...first.values()]).toEqual([2, 2, 2, 2, 2]);
  });

  test("replica ids and nodes are two names of the same", () => {
    const map = new MemberMap(members, 12, 3);
    for (const { id } of members) expect(map.nodeOf(map.replicaIdOf(id))).toBe(id);
    expect(() => map.replicaIdOf("n9")).toThrow("unknown node n9");
    expect(() => map.nodeOf(9)).toThrow("unknown replica 9");
  });

  test("more replicas than nodes, and an id given twice, are refused", () => {
    expect(() => new MemberMap(members, 12, 6)).toThrow("as many replicas as nodes");
    expect(() => new MemberMap([...members, { id: "n1", address: "x:1" }], 12, 3)).toThrow("ids differ");
  });
});
