import { describe, expect, it } from "@jest/globals";
import {
  type ClusterMap,
  clusterLimits,
  idsToHold,
  type MapCommand,
  metaGroup,
  replicaIdAt,
} from "../../src/cluster/index.js";
import {
  applied,
  found,
  grown,
  held,
  isUnchanged,
  place,
  placed,
  refusal,
  settled,
  settledReport,
  wanted,
} from "./maps.js";

/** Partition 0 is on seats 1, 2 and 3 of six. */
const six = grown(found(3), 4, 6);
const replace = (replica: number, group = 0): MapCommand => ({ op: "replace-replica", group, replica });

describe("place", () => {
  it("makes new replicas of the next generation, and keeps those that are held", () => {
    const map = placed(six, 0, 4, 2, 5);
    expect(held(map, 0)).toEqual({
      replicas: [1, 2, 3],
      target: [replicaIdAt(4, 1), 2, replicaIdAt(5, 1)],
      former: [],
      generation: 1,
    });
    expect(map.version).toBe(six.version + 1);
    expect(map.partitions.slice(1)).toEqual(six.partitions.slice(1));
  });

  it("does so for the meta group, too, which has five voters at most", () => {
    const map = placed(six, metaGroup, 1, 2, 3, 4, 5);
    expect(held(map, metaGroup).target).toEqual([1, 2, 3, replicaIdAt(4, 1), replicaIdAt(5, 1)]);
    expect(refusal(six, place(six, metaGroup, [1, 2, 3, 4, 5, 6]))).toBe("the meta group has 1 to 5 replicas");
  });

  it("changes nothing when that is so already", () => {
    expect(isUnchanged(six, place(six, 0, [1, 2, 3]))).toBe(true);
    const map = placed(six, 0, 1, 2, 4);
    expect(isUnchanged(map, place(map, 0, [1, 2, 4]))).toBe(true);
  });

  it("puts the same replicas in another order at once", () => {
    const map = placed(six, 0, 3, 1, 2);
    expect(held(map, 0)).toEqual({ replicas: [3, 1, 2], target: [], former: [], generation: 1 });
    expect(map.version).toBe(six.version + 1);
  });

  it("keeps what was wanted before until the group has settled", () => {
    let map = placed(six, 0, 1, 2, 4);
    map = placed(map, 0, 1, 2, 5);
    expect(held(map, 0)).toEqual({
      replicas: [1, 2, 3],
      target: [1, 2, replicaIdAt(5, 2)],
      former: [replicaIdAt(4, 1)],
      generation: 2,
    });
    map = placed(map, 0, 6);
    expect(held(map, 0).former).toEqual([replicaIdAt(4, 1), replicaIdAt(5, 2)]);
    expect(idsToHold(map, 0)).toEqual([1, 2, 3, replicaIdAt(6, 3), replicaIdAt(4, 1), replicaIdAt(5, 2)]);
    expect(held(settled(map, 0), 0)).toEqual({ replicas: [replicaIdAt(6, 3)], target: [], former: [], generation: 3 });
  });

  it("takes a replica of an earlier target back under its number: it may have voted", () => {
    let map = placed(six, 0, 1, 2, 4);
    map = placed(map, 0, 1, 2, 5);
    map = placed(map, 0, 1, 4);
    expect(held(map, 0)).toEqual({
      replicas: [1, 2, 3],
      target: [1, replicaIdAt(4, 1)],
      former: [replicaIdAt(5, 2)],
      generation: 3,
    });
  });

  it("gives one that was forgotten a new number when its seat comes back", () => {
    let map = settled(placed(six, 0, 1, 2, 4), 0);
    map = placed(map, 0, 1, 2, 3);
    expect(held(map, 0).target).toEqual([1, 2, replicaIdAt(3, 2)]);
  });

  it("goes back to what the group has settled on, which it may have left already", () => {
    const map = placed(placed(six, 0, 1, 2, 4), 0, 2, 1, 3);
    expect(held(map, 0)).toEqual({
      replicas: [2, 1, 3],
      target: [],
      former: [replicaIdAt(4, 1)],
      generation: 2,
    });
    expect(held(settled(map, 0), 0)).toEqual({ replicas: [2, 1, 3], target: [], former: [], generation: 2 });
  });

  it("is refused when the map has changed since it was decided", () => {
    const late = place(six, 0, [4]);
    expect(refusal(placed(six, 1, 4), late)).toBe("the cluster map has changed since: it is at version 5, not 4");
    expect(refusal(six, { op: "place", group: 0, seats: [4], decidedOn: six.version + 1 })).toContain("has changed");
  });

  it("is refused for what is no placement", () => {
    expect(refusal(six, place(six, 6, [1]))).toBe("there is no partition 6");
    expect(refusal(six, place(six, 0, []))).toBe("partition 0 has 1 to 7 replicas");
    expect(refusal(grown(six, 7, 8), place(grown(six, 7, 8), 0, [1, 2, 3, 4, 5, 6, 7, 8]))).toContain("1 to 7");
    expect(refusal(six, place(six, 0, [4, 1, 4]))).toBe("a node holds one replica of a group at most");
    expect(refusal(six, place(six, 0, [1, 7]))).toBe("seat 7 is no active node");
    expect(refusal(six, place(six, 0, [0]))).toBe("seat 0 is no active node");
  });

  it("gives nothing to a node that is to hold nothing, and lets it keep what it has", () => {
    for (const state of ["draining", "leaving", "lost"] as const) {
      const map = applied(placed(six, 0, 1, 2, 4), wanted(3, state), wanted(4, state));
      expect(held(placed(map, 0, 3, 4), 0).target).toEqual([3, replicaIdAt(4, 1)]);
      expect(refusal(map, place(map, 1, [1, 4]))).toBe("seat 4 is no active node");
    }
  });

  it("is refused when too much is held already that nobody settled on", () => {
    let map = grown(found(1, 1, 1), 2, 8);
    let changes = 0;
    // Each change makes a new replica on the same seat.
    const replaceAgain = (): MapCommand => replace(held(map, 0).target[0] ?? 1);
    for (; changes < clusterLimits.unsettledMax; changes++) map = applied(map, replaceAgain());
    expect(idsToHold(map, 0)).toHaveLength(1 + clusterLimits.unsettledMax);
    expect(refusal(map, replaceAgain())).toBe("partition 0 has too many unsettled changes already");
    expect(refusal(map, place(map, 0, [2]))).toContain("too many unsettled changes");
    // It settles all the same.
    expect(idsToHold(settled(map, 0), 0)).toHaveLength(1);
  });

  it("is refused when the numbers of a group are used up", () => {
    const used: ClusterMap = { ...six, meta: { ...six.meta, generation: clusterLimits.generationMax } };
    expect(refusal(used, place(used, metaGroup, [4]))).toBe("the meta group has used up its generations");
  });
});

describe("replace-replica", () => {
  it("makes another one on the same seat, in the same place, and keeps the old one until the group has settled", () => {
    let map = applied(six, replace(2));
    expect(held(map, 0)).toEqual({
      replicas: [1, 2, 3],
      target: [1, replicaIdAt(2, 1), 3],
      former: [],
      generation: 1,
    });
    map = applied(map, replace(replicaIdAt(2, 1)));
    expect(held(map, 0)).toEqual({
      replicas: [1, 2, 3],
      target: [1, replicaIdAt(2, 2), 3],
      former: [replicaIdAt(2, 1)],
      generation: 2,
    });
    expect(held(settled(map, 0), 0).replicas).toEqual([1, replicaIdAt(2, 2), 3]);
  });

  it("joins a move that is under way", () => {
    const map = applied(placed(six, 0, 4, 2, 3), replace(2));
    expect(held(map, 0).target).toEqual([replicaIdAt(4, 1), replicaIdAt(2, 2), 3]);
  });

  it("is refused for one that is not wanted, not any more, or not there", () => {
    expect(refusal(six, replace(4))).toBe("partition 0 wants no replica 4");
    expect(refusal(six, replace(0))).toBe("partition 0 wants no replica 0");
    expect(refusal(applied(six, replace(2)), replace(2))).toBe("partition 0 wants no replica 2");
    expect(refusal(placed(six, 0, 1, 3), replace(2))).toBe("partition 0 wants no replica 2");
    expect(refusal(six, replace(1, 6))).toBe("there is no partition 6");
  });

  it("is refused on a node that is lost, and not on one that goes", () => {
    expect(refusal(applied(six, wanted(2, "lost")), replace(2))).toContain("node n2 on seat 2 is lost");
    expect(held(applied(six, wanted(2, "leaving"), replace(2)), 0).target).toHaveLength(3);
  });

  it("is not undone when the seat is chosen again: the old one has lost its data", () => {
    let map = applied(six, replace(2));
    map = placed(map, 0, 1, 3);
    map = placed(map, 0, 1, 2, 3);
    expect(held(map, 0)).toEqual({
      replicas: [1, 2, 3],
      target: [1, replicaIdAt(2, 1), 3],
      former: [],
      generation: 3,
    });
  });
});

describe("settled", () => {
  const moving = placed(six, 0, 4, 2, 3);

  it("takes the report whatever its order, and keeps the order of the map", () => {
    const report = settledReport(moving, 0);
    const map = applied(moving, { ...report, replicas: [...report.replicas].reverse() });
    expect(held(map, 0)).toEqual({ replicas: [replicaIdAt(4, 1), 2, 3], target: [], former: [], generation: 1 });
    expect(isUnchanged(map, report)).toBe(true);
  });

  it("refuses a report about other replicas than those that are wanted", () => {
    const report = settledReport(moving, 0);
    for (const replicas of [[1, 2, 3], [2, 3], [replicaIdAt(4, 1), 2], [], [replicaIdAt(4, 1), 2, 2]])
      expect(refusal(moving, { ...report, replicas })).toBe("partition 0 shall have other replicas by now");
    expect(refusal(six, { ...settledReport(six, 0), replicas: [1, 2] })).toContain("other replicas by now");
    expect(refusal(six, { ...settledReport(six, 0), group: 6 })).toBe("there is no partition 6");
  });

  it("refuses a report from before the group was told something else and then the same again", () => {
    // The group settles on seats 4, 2 and 3, and its leader says so; that report is slow.
    const late = settledReport(moving, 0);
    // Meanwhile the group is sent to 5, and gets there; and back to 4.
    const elsewhere = placed(moving, 0, 5, 2, 3);
    const again = placed(elsewhere, 0, 4, 2, 3);
    expect(held(again, 0).target).toEqual(late.replicas);
    expect(refusal(again, late)).toContain("other replicas by now");
    expect(idsToHold(again, 0)).toContain(replicaIdAt(5, 2));
  });

  it("refuses one from before a move that was taken back", () => {
    const late = settledReport(six, 0);
    const back = placed(moving, 0, 1, 2, 3);
    expect(refusal(back, late)).toContain("other replicas by now");
    expect(idsToHold(back, 0)).toContain(replicaIdAt(4, 1));
  });
});
