import { expect, test } from "@jest/globals";
import fc from "fast-check";

import { AssertionError } from "../../src/base/index.js";
import { nameBlockMax } from "../../src/partition/limits.js";
import { NameList } from "../../src/partition/name-list.js";
import { QueueState } from "../../src/partition/queue-state.js";

const PREFIX = "1234";
const named = (name: string): QueueState => new QueueState(PREFIX + name, 1);
const namesOf = (queues: readonly QueueState[]): string[] => queues.map((queue) => queue.address.slice(PREFIX.length));

test("pages through any set of names in order, after any marker", () => {
  const name = fc.string({ maxLength: 3 });
  fc.assert(
    fc.property(
      fc.uniqueArray(name, { maxLength: 60 }),
      fc.nat(),
      name,
      fc.integer({ min: 1, max: 20 }),
      (names, cut, marker, limit) => {
        const list = new NameList(PREFIX.length);
        const queues = names.map(named);
        for (const queue of queues) list.add(queue);
        const gone = queues.splice(0, cut % (queues.length + 1));
        for (const queue of gone) list.remove(queue);
        const sorted = namesOf(queues).sort((a, b) => (a < b ? -1 : 1));
        expect(list.size).toBe(sorted.length);
        expect(namesOf(list.after(marker, limit))).toEqual(sorted.filter((one) => one > marker).slice(0, limit));
      },
    ),
  );
});

test("splits into blocks as it grows and forgets empty ones", () => {
  const list = new NameList(PREFIX.length);
  const count = 6 * nameBlockMax;
  const queues = Array.from({ length: count }, (_, i) => named(String((i * 7_919) % count).padStart(6, "0")));
  for (const queue of queues) list.add(queue);
  const all: string[] = [];
  for (let page = list.after("", 100); page.length > 0; page = list.after(all.at(-1) ?? "", 100))
    all.push(...namesOf(page));
  expect(all).toEqual(Array.from({ length: count }, (_, i) => String(i).padStart(6, "0")));
  for (const queue of queues.slice(1)) list.remove(queue);
  expect(namesOf(list.after("", 10))).toEqual(["000000"]);
});

test("refuses to remove a name that is not there", () => {
  const list = new NameList(PREFIX.length);
  expect(() => {
    list.remove(named("a"));
  }).toThrow(AssertionError);
  list.add(named("a"));
  expect(() => {
    list.remove(named("b"));
  }).toThrow(AssertionError);
});
