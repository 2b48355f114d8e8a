import { expect, test } from "@jest/globals";
import fc from "fast-check";

import { AssertionError } from "../../src/base/index.js";
import { DeadlineHeap, type Timed } from "../../src/partition/timers.js";

interface Item extends Timed {
  readonly id: number;
}

const newHeap = (): DeadlineHeap<Item> => new DeadlineHeap<Item>((a, b) => a.id < b.id);
const newItem = (id: number, deadlineMs: number): Item => ({ id, deadlineMs, heapPosition: -1 });

test("gives items by deadline, then by the tie rule, whatever happened before", () => {
  const step = fc.record({
    kind: fc.constantFrom("add", "add", "move", "remove", "take"),
    which: fc.nat(50),
    deadlineMs: fc.nat(12),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const heap = newHeap();
      const items: Item[] = [];
      const order = (): Item[] => items.sort((a, b) => a.deadlineMs - b.deadlineMs || a.id - b.id);
      steps.forEach(({ kind, which, deadlineMs }, id) => {
        const item = items[which % items.length];
        if (kind === "add" || item === undefined) {
          const added = newItem(id, deadlineMs);
          items.push(added);
          heap.add(added);
        } else if (kind === "move") {
          item.deadlineMs = deadlineMs;
          heap.moved(item);
        } else {
          const removed = kind === "take" ? (heap.first as Item) : item;
          items.splice(items.indexOf(removed), 1);
          heap.remove(removed);
          expect(heap.has(removed)).toBe(false);
        }
        expect(heap.size).toBe(items.length);
        expect(heap.first).toBe(order()[0]);
        expect(heap.nextDeadlineMs).toBe(items[0]?.deadlineMs ?? Infinity);
        for (const one of items) expect(heap.has(one)).toBe(true);
      });
      for (let next = heap.first; next !== undefined; next = heap.first) {
        expect(next).toBe(order().shift());
        heap.remove(next);
      }
      expect(items).toEqual([]);
    }),
  );
});

test("refuses an item that is in a heap already, or in another", () => {
  const [one, other] = [newHeap(), newHeap()];
  const item = newItem(1, 1);
  one.add(item);
  other.add(newItem(2, 1));
  for (const wrong of [
    () => {
      one.add(item);
    },
    () => {
      other.remove(item);
    },
    () => {
      other.moved(item);
    },
  ]) {
    expect(wrong).toThrow(AssertionError);
  }
});
