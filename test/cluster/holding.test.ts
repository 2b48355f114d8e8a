import { describe, expect, it } from "@jest/globals";
import { goalOf, heldBy, idsToHold, metaGroup, placementOf, replicaIdAt } from "../../src/cluster/index.js";
import { found, grown, held, placed } from "./maps.js";

const settledMap = grown(found(3), 4, 5);
const map = placed(placed(settledMap, 2, 4, 1), 2, 5, 3);

describe("what is held", () => {
  it("is what a group has settled on, what it shall have, and what it should have had", () => {
    expect(held(map, 2).replicas).toEqual([3, 1, 2]);
    expect(idsToHold(map, 2)).toEqual([3, 1, 2, replicaIdAt(5, 2), replicaIdAt(4, 1)]);
    expect(idsToHold(map, 0)).toEqual([1, 2, 3]);
    expect(idsToHold(map, metaGroup)).toEqual([1, 2, 3]);
    expect(idsToHold(map, 6)).toEqual([]);
  });

  it("is found by group, the meta group too", () => {
    expect(placementOf(map, 2)).toBe(map.partitions[2]);
    expect(placementOf(map, metaGroup)).toBe(map.meta);
    expect(placementOf(map, 6)).toBeUndefined();
  });

  it("is found by seat", () => {
    expect(heldBy(map, 4)).toEqual([{ group: 2, replica: replicaIdAt(4, 1) }]);
    expect(heldBy(map, 3).map(({ group }) => group)).toEqual([0, 1, 2, 3, 4, 5, metaGroup]);
    expect(heldBy(map, 6)).toEqual([]);
  });
});

describe("the goal of a placement", () => {
  it("is its target, or what it has when nothing changes", () => {
    expect(goalOf(held(map, 2))).toEqual([replicaIdAt(5, 2), 3]);
    expect(goalOf(held(map, 0))).toEqual([1, 2, 3]);
  });
});
