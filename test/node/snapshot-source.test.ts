import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { SnapshotSource } from "../../src/node/snapshot-source.js";
import { readRows } from "../../src/node/snapshot-wire.js";
import type { CheckpointView, Row } from "../../src/storage/index.js";
import { snapshotAt } from "./snapshot-net.js";

class View implements CheckpointView {
  readonly root = { snapshot: snapshotAt(9), rowCount: 0, hash: { low: 0, high: 0 } };
  readonly rows: CheckpointView["rows"];
  returned = 0;

  constructor(chunks: readonly Row[][]) {
    const left = [...chunks];
    this.rows = {
      next: () => {
        const value = left.shift();
        return Promise.resolve(value === undefined ? { done: true, value } : { done: false, value });
      },
      return: () => {
        this.returned++;
        return Promise.resolve({ done: true, value: undefined });
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }
}

const row = (i: number, bytes: number): Row => ({ key: Buffer.from(`k${String(i)}`), value: Buffer.alloc(bytes, i) });
const sourceOf = (chunks: readonly Row[][]): SnapshotSource =>
  new SnapshotSource(new View(chunks), 1_000, () => undefined);

async function partsOf(source: SnapshotSource): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = [];
  for (let part = await source.next(); part !== undefined; part = await source.next()) {
    expect(part.number).toBe(parts.length);
    parts.push(part.rows);
    source.stored(parts.length);
  }
  return parts;
}

const rowsOf = (parts: readonly Uint8Array[]): Row[] =>
  parts.flatMap((rows) => readRows({ group: 1, transfer: 1, kind: "rows", number: 0, rows, detail: Buffer.alloc(0) }));

const comparable = (rows: readonly Row[]): string[] =>
  rows.map(({ key, value }) => `${Buffer.from(key).toString()} ${Buffer.from(value).toString("hex")}`);

describe("the parts of a checkpoint", () => {
  test("hold all rows in order, are as large as may be, and do not depend on how the store hands out rows", async () => {
    const rows = fc.array(fc.nat(700), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(rows, fc.integer({ min: 1, max: 9 }), async (sizes, perChunk) => {
        const all = sizes.map((bytes, i) => row(i, bytes));
        const chunks = [];
        for (let i = 0; i < all.length; i += perChunk) chunks.push(all.slice(i, i + perChunk));
        const parts = await partsOf(sourceOf(chunks));
        expect(comparable(rowsOf(parts))).toEqual(comparable(all));
        expect(parts.map((part) => part.length)).toEqual((await partsOf(sourceOf([all]))).map((part) => part.length));
        for (const [i, part] of parts.entries()) {
          expect(part.length).toBeLessThanOrEqual(1_000);
          const next = parts[i + 1];
          const [first] = next === undefined ? [] : rowsOf([next]);
          if (first !== undefined)
            expect(part.length + 8 + first.key.length + first.value.length).toBeGreaterThan(1_000);
        }
      }),
      { numRuns: 60 },
    );
  });

  test("are larger only when a single row is", async () => {
    const parts = await partsOf(sourceOf([[row(1, 10), row(2, 5_000), row(3, 10)]]));
    expect(parts.map((part) => rowsOf([part]).length)).toEqual([1, 1, 1]);
  });

  test("can be had again as long as they are not known to be stored", async () => {
    const source = sourceOf([Array.from({ length: 8 }, (_, i) => row(i, 900))]);
    const first = [await source.next(), await source.next(), await source.next(), await source.next()];
    source.stored(1);
    expect(source.seek(0)).toBe(false);
    expect(source.seek(2)).toBe(true);
    expect(await source.next()).toEqual(first[2]);
    expect(source.seek(1)).toBe(false);
    expect(await source.next()).toEqual(first[3]);
    expect((await source.next())?.number).toBe(4);
  });

  test("are passed over when the receiver has them from another sender", async () => {
    const chunks = (): Row[][] => [Array.from({ length: 8 }, (_, i) => row(i, 900))];
    const source = sourceOf(chunks());
    expect(source.seek(5)).toBe(true);
    expect((await source.next())?.rows).toEqual((await partsOf(sourceOf(chunks())))[5]);
    expect(source.seek(8)).toBe(true);
    expect(await source.next()).toBeUndefined();
    expect(source.made).toBe(8);
  });

  test("end with the view behind them", async () => {
    const view = new View([[row(1, 10)]]);
    let closed = 0;
    await new SnapshotSource(view, 1_000, () => closed++).close();
    expect([view.returned, closed]).toEqual([1, 1]);
  });
});
