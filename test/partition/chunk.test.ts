import { expect, test } from "@jest/globals";
import fc from "fast-check";

import { AssertionError } from "../../src/base/index.js";
import { capacityFor, Chunk, slotState } from "../../src/partition/chunk.js";

const base = 1_700_000_000_123;
const owner = { incarnation: 1 };

function clientOf(n: number): Buffer {
  const client = Buffer.alloc(16, 0xee);
  client.writeUInt32BE(n, 12);
  return client;
}

function filled(count: number, client = (i: number): number => i % 3): Chunk<typeof owner> {
  const chunk = new Chunk(owner, 11, base);
  for (let i = 0; i < count; i++) {
    const body = Buffer.from(`body ${String(i)}`);
    const at = chunk.bodies.append(body, 0, body.length);
    const expiryMs = base + i + 60_000 + (i % 7);
    chunk.append(11 + i, chunk.internClient(clientOf(client(i)), 0), base + i, 60 + i, expiryMs, at, body.length);
  }
  return chunk;
}

function contents(chunk: Chunk<typeof owner>): unknown[] {
  const list = [];
  for (let slot = 0; slot < chunk.used; slot++) {
    if (chunk.stateAt(slot) === slotState.gone) continue;
    const client = [0, 1, 2, 3].map((word) => chunk.clientWordAt(chunk.clientAt(slot), word));
    list.push([
      chunk.sequenceAt(slot),
      chunk.stateAt(slot),
      chunk.stateAt(slot) === slotState.claimed ? chunk.claimAt(slot) : -1,
      chunk.postedMsAt(slot),
      chunk.ttlSecAt(slot),
      chunk.expiryMsAt(slot),
      Buffer.from(chunk.bodyAt(slot)).toString(),
      client.join(),
    ]);
  }
  return list;
}

test("keeps what is appended, through growth", () => {
  const chunk = filled(1_024);
  expect([chunk.used, chunk.live, chunk.available, chunk.span]).toEqual([1_024, 1_024, 1_024, 1_024]);
  expect(chunk.clientCount).toBe(3);
  expect(chunk.deadlineMs).toBe(base + 60_000);
  expect(chunk.latestMs).toBe(base + 60_000 + 1_021 + 6);
  for (let i = 0; i < 1_024; i += 31) {
    expect(chunk.slotOf(11 + i)).toBe(i);
    expect(Buffer.from(chunk.bodyAt(i)).toString()).toBe(`body ${String(i)}`);
    expect(chunk.postedMsAt(i)).toBe(base + i);
  }
  expect(chunk.slotOf(10)).toBe(-1);
  expect(chunk.slotOf(11 + 1_024)).toBe(-1);
  expect(() => {
    chunk.append(11 + 1_024, 0, base, 60, base, 0, 0);
  }).toThrow(AssertionError);
});

test("squeezing changes nothing but memory", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 100 }),
      fc.array(fc.nat(99)),
      fc.array(fc.nat(99)),
      (count, gone, claimed) => {
        const chunk = filled(count, (i) => i * 31);
        for (const i of claimed)
          if (i < count && chunk.stateAt(i) === slotState.available) chunk.setClaimed(i, 1_000 + i);
        for (const i of gone) if (i < count && chunk.stateAt(i) !== slotState.gone) chunk.markGone(i);
        const before = contents(chunk);
        const counts = [chunk.live, chunk.available, chunk.liveBytes, chunk.span, chunk.appendedBytes];
        chunk.squeeze();
        expect(contents(chunk)).toEqual(before);
        expect([chunk.live, chunk.available, chunk.liveBytes, chunk.span, chunk.appendedBytes]).toEqual(counts);
        expect(chunk.bodies.length).toBe(chunk.liveBytes);
        for (const [sequence] of before as [number][]) expect(chunk.sequenceAt(chunk.slotOf(sequence))).toBe(sequence);
        for (let sequence = 10; sequence < 11 + count + 2; sequence++) {
          const slot = chunk.lowerBound(sequence);
          if (slot > 0) expect(chunk.sequenceAt(slot - 1)).toBeLessThan(sequence);
          if (slot < chunk.used) expect(chunk.sequenceAt(slot)).toBeGreaterThanOrEqual(sequence);
        }
        chunk.append(chunk.endSequence, 0, base + 5, 1, base + 9, 0, 0);
        expect(chunk.slotOf(chunk.endSequence - 1)).toBe(chunk.used - 1);
      },
    ),
  );
});

test("a thousand clients in one chunk are told apart", () => {
  const chunk = filled(1_024, (i) => i);
  expect(chunk.clientCount).toBe(1_024);
  const seen = new Set(contents(chunk).map((message) => (message as unknown[])[7]));
  expect(seen.size).toBe(1_024);
});

test("life can be stretched, and messages go once", () => {
  const chunk = filled(3);
  chunk.extend(1, base + 10 ** 9 * 5, 77);
  expect([chunk.expiryMsAt(1), chunk.ttlSecAt(1), chunk.latestMs]).toEqual([base + 5e9, 77, base + 5e9]);
  chunk.setClaimed(0, 5);
  expect([chunk.live, chunk.available]).toEqual([3, 2]);
  expect(() => {
    chunk.setClaimed(0, 5);
  }).toThrow(AssertionError);
  chunk.setAvailable(0);
  expect(() => {
    chunk.setAvailable(0);
  }).toThrow(AssertionError);
  chunk.markGone(0);
  expect([chunk.live, chunk.available, chunk.slotOf(11)]).toEqual([2, 2, -1]);
  expect(() => {
    chunk.markGone(0);
  }).toThrow(AssertionError);
});

test("a full chunk gives back what it does not use", () => {
  const chunk = filled(600);
  const before = chunk.capacityBytes;
  chunk.seal();
  expect(chunk.capacityBytes).toBeLessThan(before);
  expect(chunk.bodies.capacity).toBe(chunk.bodies.length);
  expect(contents(chunk)).toEqual(contents(filled(600)));
});

test("capacities double from eight", () => {
  expect([1, 8, 9, 1_000, 1_024].map(capacityFor)).toEqual([8, 8, 16, 1_024, 1_024]);
});
