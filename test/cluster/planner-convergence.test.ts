import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { goalOf, metaGroup, seatOf } from "../../src/cluster/index.js";
import { activeSeats, found, goalSeats, groupsOf, held, leadsOf, loadsOf, spread } from "./maps.js";
import { ACT_KINDS, PlannedWorld } from "./planned-world.js";

const starts = fc.record({
  nodes: fc.integer({ min: 1, max: 7 }),
  partitions: fc.integer({ min: 1, max: 16 }),
  factor: fc.nat(),
});
const acts = fc.array(fc.record({ kind: fc.nat({ max: ACT_KINDS - 1 }), a: fc.nat(999), b: fc.nat(999) }), {
  maxLength: 80,
  size: "max",
});

/** Lets the planner and the groups work until there is nothing left to do. */
function calm(world: PlannedWorld): void {
  world.heal();
  // Every replica is moved once at most, and every leadership along the longest chain.
  const roundsMax = 50 + groupsOf(world.map).length * (7 + world.map.nodes.length);
  for (let round = 0; round < roundsMax; round++) {
    const busy = groupsOf(world.map).some((group) => held(world.map, group).target.length > 0);
    if (world.plan(3) === 0 && !busy) {
      world.settle();
      return;
    }
    world.settle();
  }
  throw new Error("the planner finds no end");
}

describe("the planner", () => {
  it("does nothing unsafe, comes to an end, and leaves every group well and evenly spread", () => {
    fc.assert(
      fc.property(starts, acts, ({ nodes, partitions, factor }, script) => {
        const world = new PlannedWorld(found(nodes, partitions, 1 + (factor % Math.min(nodes, 5))));
        for (const act of script) world.act(act);
        calm(world);
        const { map } = world;
        const active = activeSeats(map);
        for (const group of groupsOf(map)) {
          const placement = held(map, group);
          expect([placement.target, placement.former]).toEqual([[], []]);
          expect(goalOf(placement).filter((id) => !active.includes(seatOf(id)))).toEqual([]);
          const odd = active.length - (active.length % 2 === 0 ? 1 : 0);
          const count = group === metaGroup ? Math.min(5, odd) : Math.min(map.replicationFactor, active.length);
          expect(placement.replicas).toHaveLength(count);
        }
        expect(map.nodes.filter(({ state }) => state === "leaving" || state === "lost")).toEqual([]);
        expect(spread(loadsOf(map, active))).toBeLessThanOrEqual(1);
        const leads = new Map(active.map((seat, i) => [seat, leadsOf(map, active)[i]!]));
        for (const group of map.partitions.keys()) {
          const [leader, ...others] = goalSeats(map, group).map((seat) => leads.get(seat)!);
          expect(others.filter((other) => leader! - other >= 2)).toEqual([]);
        }
      }),
      { numRuns: 600 },
    );
  });
});
