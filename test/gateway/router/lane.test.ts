import { describe, expect, test } from "@jest/globals";
import { Lane } from "../../../src/gateway/router/lane.js";
import { requestOf } from "./support.js";

describe("Lane", () => {
  test("the low-water mark is the oldest command not settled, else the next one", () => {
    const lane = new Lane(0, 77);
    expect(lane.lowWater).toBe(1);
    const commands = [1, 2, 3].map(() => {
      const request = requestOf(0, lane.takeSequence());
      lane.add(request);
      return request;
    });
    expect(commands.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
    expect(lane.lowWater).toBe(1);
    const [first, second, third] = commands;
    if (first === undefined || second === undefined || third === undefined) throw new Error("three commands");
    lane.remove(second);
    expect(lane.lowWater).toBe(1);
    lane.remove(first);
    expect(lane.lowWater).toBe(3);
    lane.remove(third);
    expect(lane.lowWater).toBe(4);
  });

  test("queries do not hold the mark down", () => {
    const lane = new Lane(0, 77);
    lane.add(requestOf(0));
    lane.takeSequence();
    expect(lane.lowWater).toBe(2);
  });

  test("counts what is outstanding, and prunes what was settled while it waited", () => {
    const lane = new Lane(0, 77);
    const [a, b] = [requestOf(0, 1, Buffer.alloc(10)), requestOf(0, 0, Buffer.alloc(5))];
    lane.add(a);
    lane.add(b);
    lane.waiting.push(a, b);
    expect([lane.outstandingRequests, lane.outstandingBytes]).toEqual([2, 15]);
    lane.remove(a);
    a.settled = true;
    lane.prune();
    expect(lane.waiting).toEqual([b]);
    expect([lane.outstandingRequests, lane.outstandingBytes]).toEqual([1, 5]);
  });
});
