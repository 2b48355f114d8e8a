import { describe, expect, it } from "@jest/globals";
import { type ClusterMap, type MapCommand, metaGroup, planMoves, type Seat } from "../../src/cluster/index.js";
import { simulateMoves } from "./moves.js";
import {
  activeSeats,
  applied,
  found,
  goalSeats,
  grown,
  held,
  incarnation,
  leadsOf,
  loadsOf,
  movingGroups,
  placed,
  settled,
  spread,
  statesOf,
  wanted,
} from "./maps.js";

const everyone = (map: ClusterMap): Set<Seat> => new Set(map.nodes.map(({ seat }) => seat));

function plan(map: ClusterMap, options: { dead?: Seat[]; movesMax?: number } = {}): MapCommand[] {
  const alive = everyone(map);
  for (const seat of options.dead ?? []) alive.delete(seat);
  return planMoves(map, { alive, movesMax: options.movesMax ?? 100 });
}

/** Where the planner sends a group first. */
function planFor(map: ClusterMap, group: number, dead: Seat[] = []): readonly Seat[] | undefined {
  const command = plan(map, { dead }).find((one) => "group" in one && one.group === group);
  return command?.op === "place" ? command.seats : undefined;
}

const factor = (replicationFactor: number): MapCommand => ({ op: "set-replication-factor", replicationFactor });

describe("a map on which all is well", () => {
  it.each([1, 2, 3, 4, 5, 6, 7])("stays as it is (%d nodes)", (nodes) => {
    expect(plan(found(nodes, 2 * nodes))).toEqual([]);
  });

  it("stays as it is while nodes are merely away", () => {
    expect(plan(found(5, 10), { dead: [2] })).toEqual([]);
    expect(plan(found(5, 10), { dead: [1, 2, 3, 4, 5] })).toEqual([]);
  });
});

describe("a cluster whose partitions do not go evenly round its founders", () => {
  it("moves what is too much soon after its founding", () => {
    const map = found(5, 12);
    expect(loadsOf(map, activeSeats(map))).toEqual([7, 8, 8, 7, 6]);
    expect(plan(map)).toMatchObject([{ op: "place", seats: [1, 5, 3] }]);
  });
});

describe("a node that goes", () => {
  const five = found(5, 5);

  it.each(["draining", "leaving", "lost"] as const)("is replaced in its place by whoever holds least (%s)", (state) => {
    const map = applied(grown(five, 6, 7), wanted(2, state));
    const commands = plan(map);
    // The meta group first, which has five voters; then those that it held: 0, 1 and 4.
    expect(commands.map((command) => ("group" in command ? command.group : undefined))).toEqual([metaGroup, 0, 1, 4]);
    expect(commands.map((command) => (command.op === "place" ? command.seats : undefined))).toEqual([
      [1, 6, 3, 4, 5],
      [1, 6, 3],
      [7, 3, 4],
      [5, 1, 6],
    ]);
  });

  it("is replaced by its successor, if that is there and holds the group not yet", () => {
    const map = applied(grown(five, 6, 7), wanted(2, "draining", 3));
    expect(goalSeats(map, 0)).toEqual([1, 2, 3]);
    expect(planFor(map, 0)).toEqual([1, 6, 3]);
    expect(planFor(map, 4)).toEqual([5, 1, 3]);
    // Seat 3 is away: others step in, for the groups that it does not hold.
    expect(planFor(map, 4, [3])).toEqual([5, 1, 6]);
    expect(planFor(applied(map, wanted(3, "draining")), 4)).not.toContain(3);
  });

  it("is replaced by the node that lost its disk under its new seat", () => {
    const map = applied(found(3), { op: "add-node", id: "n2", incarnation: incarnation(1), address: "host2:7000" });
    const again = applied(map, { op: "add-node", id: "n2", incarnation: incarnation(2), address: "host2:7000" });
    expect(statesOf(again)).toEqual(["active", "lost", "active", "active"]);
    const after = simulateMoves(again, { alive: new Set([1, 3, 4]) }).map;
    expect(statesOf(after)).toEqual(["active", "gone", "active", "active"]);
    for (const group of [...after.partitions.keys(), metaGroup])
      expect(goalSeats(after, group)).toEqual(goalSeats(again, group).map((seat) => (seat === 2 ? 4 : seat)));
  });

  it("is left out when there is nobody to take its place", () => {
    const map = applied(found(3, 3), wanted(2, "leaving"));
    expect(plan(map)).toMatchObject([
      { group: metaGroup, seats: [expect.any(Number)] },
      { group: 0, seats: [1, 3] },
      { group: 1, seats: [3, 1] },
      { group: 2, seats: [3, 1] },
    ]);
    expect(statesOf(simulateMoves(map).map)).toEqual(["active", "gone", "active"]);
  });

  it("is kept while who could take its place is away", () => {
    const map = applied(grown(found(3, 3), 4, 4), wanted(2, "draining"));
    expect(plan(map, { dead: [4] })).toEqual([]);
    expect(plan(map)).toHaveLength(4);
  });

  it("is replaced as far as there are nodes, the last of a group never", () => {
    let map = applied(found(3, 1), wanted(2, "draining"), wanted(3, "leaving"));
    expect(planFor(map, 0)).toEqual([1]);
    map = simulateMoves(map).map;
    expect(goalSeats(map, 0)).toEqual([1]);
    map = placed(grown(map, 4, 4), 0, 4);
    map = simulateMoves(applied(map, wanted(1, "draining"))).map;
    expect(goalSeats(map, 0)).toEqual([4]);
  });

  it("keeps some of its groups a while longer when only so many move at once", () => {
    const map = applied(grown(found(5, 10), 6, 6), wanted(1, "draining"));
    expect(plan(map, { movesMax: 3 })).toHaveLength(3);
    const moving = applied(map, ...plan(map, { movesMax: 3 }));
    expect(plan(moving, { movesMax: 3 })).toEqual([]);
    expect(plan(moving, { movesMax: 4 })).toHaveLength(1);
    expect(plan(settled(moving, metaGroup), { movesMax: 3 })).toHaveLength(1);
    expect(plan(map, { movesMax: 0 })).toEqual([]);
  });
});

describe("what is repaired first", () => {
  it("are the groups with the fewest copies that are there, whatever their numbers", () => {
    // Seat 5 is lost, seat 1 drains: partition 3 has two copies left, 0 three.
    const map = applied(grown(found(5, 4), 6, 7), wanted(1, "draining"), wanted(5, "lost"));
    const order = plan(map, { dead: [5] }).map((command) => ("group" in command ? command.group : -1));
    expect(order).toEqual([metaGroup, 2, 3, 0]);
  });

  it("is done before anything is balanced, and balancing waits until it is through", () => {
    const map = applied(grown(found(3, 12), 4, 5), wanted(1, "leaving"));
    const first = plan(map, { movesMax: 2 });
    const moving = applied(map, ...first);
    // Nothing but repairs, although the new nodes hold nothing and there is room for more moves.
    const all = plan(moving, { movesMax: 100 });
    for (const command of all) if (command.op === "place") expect(goalSeats(moving, command.group)).toContain(1);
    expect(all).toHaveLength(13 - 2);
  });

  it("does not keep the rest of the cluster waiting when it cannot be done", () => {
    // Partition 0 has lost two of three: nothing helps it but its nodes.
    const broken = applied(grown(found(3, 1), 4, 6), wanted(1, "lost"), wanted(2, "lost"));
    expect(plan(broken, { dead: [1, 2] })).toEqual([]);
    const others = {
      ...broken,
      partitionCount: 4,
      partitions: [...broken.partitions, ...[4, 4, 4].map(() => ({ ...held(broken, 0), replicas: [3, 4, 5] }))],
    };
    expect(plan(others, { dead: [1, 2], movesMax: 2 })).toHaveLength(2);
  });
});

describe("a group begins to move", () => {
  const map = applied(grown(found(5, 5), 6, 6), wanted(2, "draining"));

  it("only when every node that is to keep it is there", () => {
    expect(planFor(map, 0, [3])).toBeUndefined();
    expect(planFor(map, 0, [2])).toEqual([1, 6, 3]);
    expect(planFor(map, 1, [1])).toBeDefined();
  });

  it("only when a majority of it is there", () => {
    const worse = applied(map, wanted(3, "lost"));
    expect(goalSeats(map, 0)).toEqual([1, 2, 3]);
    expect(planFor(worse, 0, [3])).toBeDefined();
    expect(planFor(worse, 0, [2, 3])).toBeUndefined();
  });

  it("to balance, too", () => {
    const more = grown(found(3, 6), 4, 4);
    expect(plan(more, { dead: [3] })).toEqual([]);
    expect(plan(more).length).toBeGreaterThan(0);
  });
});

describe("a target that cannot be reached", () => {
  const moving = applied(grown(found(3, 1), 4, 6), { op: "place", group: 0, seats: [1, 2, 4], decidedOn: 4 });

  it("goes back to who has a copy, when that one may keep it", () => {
    expect(planFor(moving, 0)).toBeUndefined();
    expect(planFor(moving, 0, [4])).toEqual([1, 2, 3]);
    expect(planFor(applied(moving, wanted(4, "leaving")), 0)).toEqual([1, 2, 3]);
  });

  it("goes to somebody else, when that one goes", () => {
    const repair = applied(moving, wanted(3, "draining"));
    expect(planFor(repair, 0, [4])).toEqual([1, 2, 5]);
    expect(planFor(applied(repair, wanted(4, "draining", 6)), 0)).toEqual([1, 2, 6]);
    expect(planFor(repair, 0, [4, 5, 6])).toBeUndefined();
  });

  it("is left alone while the group cannot change, or who is away has a copy", () => {
    expect(planFor(moving, 0, [4, 1, 2])).toBeUndefined();
    expect(planFor(moving, 0, [2])).toBeUndefined();
  });

  it("makes room for no other move; one that cannot go on does", () => {
    const two = applied(grown(found(3, 2), 4, 6), { op: "place", group: 0, seats: [1, 2, 4], decidedOn: 4 });
    expect(plan(two, { dead: [4], movesMax: 1 })).toMatchObject([{ group: 0, seats: [1, 2, 3] }]);
    const draining = applied(two, wanted(3, "draining"));
    expect(plan(draining, { movesMax: 1 })).toEqual([]);
    const apart = settled(placed(draining, 1, 6, 5, 3), 1);
    expect(plan(apart, { movesMax: 1, dead: [1, 2] })).toMatchObject([{ group: 1 }]);
  });

  it("loses a node that goes although it has a copy, since the group may not get there with it", () => {
    // Seats 1 and 2 shall hold it, 3 goes; then 2 is lost. With 1 alone of them there, only 1 and 3 could decide.
    const shrinking = placed(applied(found(3, 1), wanted(3, "leaving")), 0, 1, 2);
    expect(planFor(applied(shrinking, wanted(2, "lost")), 0, [2])).toEqual([1]);
  });
});

describe("the replication factor", () => {
  it("adds replicas at the end, and takes away those of the fullest nodes", () => {
    const map = applied(found(5, 5), factor(5));
    expect(plan(map)).toHaveLength(5);
    expect(planFor(map, 0)).toEqual([1, 2, 3, 4, 5]);
    const { map: full, places } = simulateMoves(map);
    expect(places).toBe(5);
    expect(loadsOf(full, activeSeats(full))).toEqual([5, 5, 5, 5, 5]);
    const { map: thin } = simulateMoves(applied(full, factor(2)));
    expect(spread(loadsOf(thin, activeSeats(thin)))).toBe(0);
    expect(thin.partitions.every(({ replicas }) => replicas.length === 2)).toBe(true);
  });

  it("waits for nodes when there are too few", () => {
    const map = applied(found(3, 3), factor(5));
    expect(plan(map)).toEqual([]);
    expect(planFor(grown(map, 4, 4), 0)).toEqual([1, 2, 3, 4]);
  });
});

describe("the meta group", () => {
  it("has an odd number of voters, five at most", () => {
    expect(planFor(grown(found(3), 4, 4), metaGroup)).toBeUndefined();
    const five = grown(found(3), 4, 5);
    expect(planFor(five, metaGroup)).toEqual([1, 2, 3, 4, 5]);
    expect(planFor(five, metaGroup, [5])).toBeUndefined();
    expect(planFor(grown(found(5), 6, 7), metaGroup)).toBeUndefined();
    expect(planFor(grown(found(1), 2, 2), metaGroup)).toBeUndefined();
    expect(planFor(grown(found(1), 2, 3), metaGroup)).toEqual([1, 2, 3]);
  });

  it("shrinks with the cluster", () => {
    const four = applied(found(5), wanted(2, "leaving"));
    expect(planFor(four, metaGroup)).toHaveLength(3);
    expect(planFor(four, metaGroup)).not.toContain(2);
    expect(held(simulateMoves(four).map, metaGroup).replicas).toHaveLength(3);
  });
});

describe("balance", () => {
  it("gives new nodes their share with not one move more than they need, and moves leaderships along", () => {
    const map = grown(found(3, 64), 4, 7);
    const { map: after, places, reorders, copies } = simulateMoves(map, { movesMax: 4 });
    expect(loadsOf(after, activeSeats(after))).toEqual([28, 28, 28, 27, 27, 27, 27]);
    expect(leadsOf(after, activeSeats(after))).toEqual([10, 9, 9, 9, 9, 9, 9]);
    // 4 * 27 replicas of partitions, and two voters of the meta group in one go.
    expect({ places, copies }).toEqual({ places: 108 + 1, copies: 108 + 2 });
    expect(reorders).toBeLessThanOrEqual(4);
  });

  it("gives them their share when they come one by one, too", () => {
    let map = found(3, 64);
    let copies = 0;
    for (let nodes = 4; nodes <= 7; nodes++) {
      const after = simulateMoves(grown(map, nodes, nodes));
      map = after.map;
      copies += after.copies;
      expect(spread(loadsOf(map, activeSeats(map)))).toBeLessThanOrEqual(1);
      expect(spread(leadsOf(map, activeSeats(map)))).toBeLessThanOrEqual(1);
    }
    // Each comes to its share of the 192, of what is then on all: 48, 38, 32 and 27; and the two voters.
    expect(copies).toBe(48 + 38 + 32 + 27 + 2);
  });

  it("empties nodes with one copy for each replica that they held", () => {
    const { map: seven } = simulateMoves(grown(found(3, 64), 4, 7));
    const going = [2, 4, 5, 7];
    const before = loadsOf(seven, going).reduce((sum, count) => sum + count, 0);
    const map = applied(seven, ...going.map((seat) => wanted(seat, "leaving")));
    const { map: after, places, copies } = simulateMoves(map, { movesMax: 4 });
    expect(statesOf(after)).toEqual(["active", "gone", "active", "gone", "gone", "active", "gone"]);
    expect(loadsOf(after, [1, 3, 6])).toEqual([64, 64, 64]);
    expect(spread(leadsOf(after, [1, 3, 6]))).toBeLessThanOrEqual(1);
    // All that a partition must be moved of is moved at once; the meta group gets seat 6 for those that it loses.
    expect(copies).toBe(before + 1);
    expect(places).toBeLessThanOrEqual(64 + 1);
  });

  it("evens out leaderships along a chain when no partition of the one is held by the other", () => {
    // Each node shares partitions with two neighbours. Seat 1 leads four, its neighbours three, the one opposite two.
    const pairs = ["1 2", "1 2", "1 2", "1 4", "2 3", "2 3", "2 3", "3 4", "3 4", "4 3", "4 1", "4 1"];
    const partitions = pairs.map((pair) => ({
      ...{ replicas: pair.split(" ").map(Number), target: [], former: [], generation: 0 },
    }));
    const map: ClusterMap = { ...found(4, 12, 2), partitions };
    const { map: after, ...counts } = simulateMoves(map);
    expect(leadsOf(map, [1, 2, 3, 4])).toEqual([4, 3, 2, 3]);
    expect(leadsOf(after, [1, 2, 3, 4])).toEqual([3, 3, 3, 3]);
    expect(counts).toEqual({ places: 0, copies: 0, reorders: 2 });
  });

  it("leaves the leaderships of a node that is away alone", () => {
    const map = placed(placed(found(3, 3), 0, 2, 1, 3), 2, 2, 1, 3);
    expect(leadsOf(map, [1, 2, 3])).toEqual([0, 3, 0]);
    expect(plan(map, { dead: [2] })).toEqual([]);
    expect(plan(map, { dead: [1] })).toMatchObject([{ seats: [3, 2, 1] }]);
    expect(plan(map)).toHaveLength(2);
  });

  it("evens out leaderships only when nothing moves any more", () => {
    const uneven = placed(placed(found(3, 3), 0, 2, 1, 3), 2, 2, 1, 3);
    const moving = applied(uneven, { op: "replace-replica", group: 1, replica: 3 });
    expect(plan(uneven)).toHaveLength(2);
    expect(plan(moving)).toEqual([]);
    expect(plan(settled(moving, 1))).toHaveLength(2);
  });

  it("does not touch a group that an operator moves", () => {
    const map = placed(grown(found(3, 2), 4, 4), 0, 1, 2, 4);
    expect(planFor(map, 0)).toBeUndefined();
    const back = placed(map, 0, 1, 2, 3);
    expect(movingGroups(back)).toEqual([]);
    expect(planFor(back, 0)).toBeUndefined();
  });
});

describe("a plan", () => {
  it("is decided on the map that its commands make, one after the other", () => {
    const map = applied(grown(found(5, 20), 6, 7), wanted(1, "leaving"));
    const commands = plan(map);
    expect(commands.map((command) => (command.op === "place" ? command.decidedOn : 0))).toEqual(
      commands.map((_, i) => map.version + i),
    );
    expect(() => applied(map, ...commands)).not.toThrow();
  });

  it("is the same for the same map", () => {
    const map = applied(grown(found(5, 20), 6, 7), wanted(1, "leaving"));
    expect(plan(map)).toEqual(plan(structuredClone(map)));
  });

  it("passes over a group that holds too much already", () => {
    let map = applied(grown(found(3, 2), 4, 4), wanted(3, "draining"));
    for (let i = 0; i < 32; i++)
      map = applied(map, { op: "replace-replica", group: 0, replica: held(map, 0).target[1] ?? 2 });
    map = {
      ...map,
      partitions: [
        { ...held(map, 0), target: [], former: [...held(map, 0).former, held(map, 0).target[1]!] },
        held(map, 1),
      ],
    };
    expect(planFor(map, 0)).toBeUndefined();
    expect(planFor(map, 1)).toEqual([2, 4, 1]);
  });
});

describe("the largest cluster", () => {
  it("is planned in no time", () => {
    const map = found(12, 4_096);
    const begin = process.cpuUsage();
    for (let i = 0; i < 10; i++) plan(map, { movesMax: 4 });
    const { user, system } = process.cpuUsage(begin);
    expect((user + system) / 10 / 1_000).toBeLessThan(100);
  });
});
