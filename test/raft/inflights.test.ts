import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { Inflights } from "../../src/raft/inflights.js";

describe("Inflights", () => {
  it("is full when the messages are", () => {
    const inflights = new Inflights(2, 1_000);
    inflights.add(5, 10);
    expect(inflights.full).toBe(false);
    inflights.add(7, 10);
    expect(inflights.full).toBe(true);
    expect(() => inflights.add(8, 1)).toThrow("full window");
    inflights.freeTo(6);
    expect(inflights.full).toBe(false);
    expect(inflights.bytes).toBe(10);
  });

  it("lets one message exceed the bytes", () => {
    const inflights = new Inflights(8, 100);
    inflights.add(1, 99);
    expect(inflights.full).toBe(false);
    inflights.add(2, 500);
    expect(inflights.full).toBe(true);
    inflights.freeTo(2);
    expect([inflights.bytes, inflights.count, inflights.full]).toEqual([0, 0, false]);
  });

  it("demands ascending messages", () => {
    const inflights = new Inflights(8, 100);
    inflights.add(4, 1);
    expect(() => inflights.add(4, 1)).toThrow("ascend");
  });

  it("forgets everything on clear", () => {
    const inflights = new Inflights(2, 100);
    inflights.add(4, 1);
    inflights.add(5, 1);
    inflights.clear();
    inflights.add(2, 1);
    expect([inflights.bytes, inflights.count]).toEqual([1, 1]);
  });

  it("equals a plain queue, around the ring many times", () => {
    const step = fc.record({
      add: fc.boolean(),
      size: fc.nat(30),
      ahead: fc.integer({ min: 1, max: 3 }),
      back: fc.nat(5),
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.array(step, { maxLength: 80 }), (capacity, steps) => {
        const inflights = new Inflights(capacity, 60);
        let queue: [number, number][] = [];
        let last = 0;
        for (const { add, size, ahead, back } of steps) {
          const bytes = (): number => queue.reduce((sum, [, s]) => sum + s, 0);
          if (add && !inflights.full) {
            last += ahead;
            inflights.add(last, size);
            queue.push([last, size]);
          } else {
            inflights.freeTo(last - back);
            queue = queue.filter(([index]) => index > last - back);
          }
          expect(inflights.count).toBe(queue.length);
          expect(inflights.bytes).toBe(bytes());
          expect(inflights.full).toBe(queue.length === capacity || bytes() >= 60);
        }
      }),
    );
  });
});
