import { describe, expect, it } from "@jest/globals";
import { applyCommand, foundingMap, foundingVoters, metaGroup } from "../../src/cluster/index.js";

const members = ["n3", "n1", "n2", "n5", "n4"].map((id) => ({ id, address: `${id}:7000` }));
const map = foundingMap({ members, partitionCount: 12, replicationFactor: 3 });

describe("the founding of a cluster", () => {
  it("seats the members by name, in whatever order they are given", () => {
    expect(map.nodes.map(({ seat, id }) => [seat, id])).toEqual([
      [1, "n1"],
      [2, "n2"],
      [3, "n3"],
      [4, "n4"],
      [5, "n5"],
    ]);
    expect(map).toEqual(foundingMap({ members: [...members].reverse(), partitionCount: 12, replicationFactor: 3 }));
    expect(map.version).toBe(1);
  });

  it("lets partitions go round the members, each led by another one", () => {
    expect(map.partitions.map(({ replicas }) => replicas.join(" "))).toEqual([
      ...["1 2 3", "2 3 4", "3 4 5", "4 5 1", "5 1 2"],
      ...["1 2 3", "2 3 4", "3 4 5", "4 5 1", "5 1 2"],
      ...["1 2 3", "2 3 4"],
    ]);
  });

  it.each([
    [1, [1]],
    [2, [1]],
    [3, [1, 2, 3]],
    [4, [1, 2, 3]],
    [5, [1, 2, 3, 4, 5]],
    [6, [1, 2, 3, 4, 5]],
    [9, [1, 2, 3, 4, 5]],
  ])("puts the meta group of %d members on %j", (count, voters) => {
    const many = Array.from({ length: count }, (_, i) => ({ id: `n${String(i)}`, address: `h${String(i)}:1` }));
    expect(foundingMap({ members: many, partitionCount: 1, replicationFactor: 1 }).meta.replicas).toEqual(voters);
  });

  it("refuses what is no cluster", () => {
    const found = (changes: Partial<Parameters<typeof foundingMap>[0]>) => () =>
      foundingMap({ members, partitionCount: 12, replicationFactor: 3, ...changes });
    expect(found({ members: [...members, { id: "n1", address: "x:1" }] })).toThrow("two nodes of one name");
    expect(found({ members: [...members, { id: "n6", address: "n1:7000" }] })).toThrow("two nodes of one address");
    expect(found({ members: [{ id: "N1", address: "x:1" }], replicationFactor: 1 })).toThrow("not a node id");
    expect(found({ members: [] })).toThrow("a cluster has members");
    expect(found({ replicationFactor: 6 })).toThrow("founding replication factor");
    expect(found({ partitionCount: 4_097 })).toThrow("partition count");
  });
});

describe("the founding voters of a group", () => {
  it("stay what they were, whatever becomes of the map", () => {
    const before = foundingVoters(map, 4);
    expect(before).toEqual([5, 1, 2]);
    const outcome = applyCommand(map, { op: "place", group: 4, seats: [3, 4], decidedOn: 1 });
    if ("refused" in outcome) throw new Error(outcome.refused);
    expect(foundingVoters(outcome.map, 4)).toEqual(before);
    expect(foundingVoters(outcome.map, metaGroup)).toEqual([1, 2, 3, 4, 5]);
  });

  it("are those of the founding map", () => {
    for (const [group, { replicas }] of map.partitions.entries()) expect(foundingVoters(map, group)).toEqual(replicas);
    expect(() => foundingVoters(map, 12)).toThrow("no such group");
  });
});
