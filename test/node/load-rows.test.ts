import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { nodeLimits } from "../../src/node/limits.js";
import { loadRows } from "../../src/node/load-rows.js";
import type { Row } from "../../src/storage/index.js";

const ROW_BYTES = nodeLimits.loadSliceBytes / 4;

test("a loader gets all rows in order, no more than a slice in one turn", async () => {
  const chunked = fc.array(fc.nat(20), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(chunked, async (chunkSizes) => {
      let made = 0;
      const chunks = chunkSizes.map((count) =>
        Array.from({ length: count }, (): Row => ({ key: Buffer.from([made++]), value: Buffer.alloc(ROW_BYTES) })),
      );
      let turn = 0;
      const taken: { readonly turn: number; readonly keys: number[] }[] = [];
      const loader = {
        add: (rows: readonly Row[]) => taken.push({ turn, keys: rows.map(({ key }) => key[0] as number) }),
        finish: () => {
          throw new Error("not here");
        },
      };
      const soon = (callback: () => void): void => {
        setImmediate(() => {
          turn++;
          callback();
        });
      };
      await loadRows(loader, asyncOf(chunks), { soon });
      expect(taken.flatMap(({ keys }) => keys)).toEqual(Array.from({ length: made }, (_, i) => i));
      expect(Math.max(...taken.map(({ keys }) => keys.length))).toBeLessThanOrEqual(4);
      expect(new Set(taken.map((one) => one.turn)).size).toBe(taken.length);
    }),
    { numRuns: 40 },
  );
});

async function* asyncOf<T>(values: readonly T[]): AsyncGenerator<T> {
  for (const value of values) {
    await Promise.resolve();
    yield value;
  }
}
