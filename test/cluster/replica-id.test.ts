import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { clusterLimits, generationOf, replicaIdAt, seatOf, seatsMax } from "../../src/cluster/index.js";

describe("a replica's number", () => {
  it("tells its seat and its generation", () => {
    const seats = fc.integer({ min: 1, max: seatsMax - 1 });
    const generations = fc.integer({ min: 0, max: clusterLimits.generationMax });
    fc.assert(
      fc.property(seats, generations, (seat, generation) => {
        const id = replicaIdAt(seat, generation);
        expect(Number.isSafeInteger(id)).toBe(true);
        expect([seatOf(id), generationOf(id)]).toEqual([seat, generation]);
      }),
    );
  });

  it("is that of its seat for a founding replica", () => {
    expect([1, 5, seatsMax - 1].map((seat) => replicaIdAt(seat, 0))).toEqual([1, 5, seatsMax - 1]);
  });

  it.each([
    [0, 0],
    [seatsMax, 0],
    [1.5, 0],
    [1, -1],
    [1, 2 ** 32],
  ])("is not made of seat %d and generation %d", (seat, generation) => {
    expect(() => replicaIdAt(seat, generation)).toThrow("not a");
  });
});
