/** A process that runs seeds for `run.ts`: gets a chunk of seeds, answers with a result for each and then `done`. */
import type { MixName } from "./mixes.js";
import { runSeed, type SeedResult } from "./simulate.js";

export interface Chunk {
  readonly from: number;
  readonly count: number;
  readonly mix: MixName | undefined;
  /** Lines of a failing seed's story. */
  readonly linesMax: number;
  /** Every so many seeds one is run twice and its traces are compared. */
  readonly repeatEvery: number;
}

export type Report = { readonly result: SeedResult; readonly repeated: boolean } | { readonly done: number };

async function run(chunk: Chunk): Promise<void> {
  const { from, count, mix, linesMax, repeatEvery } = chunk;
  for (let seed = from; seed < from + count; seed++) {
    let result = await runSeed(seed, { mix });
    const repeated = result.failure === undefined && seed % repeatEvery === 0;
    if (result.failure !== undefined) {
      const told = await runSeed(seed, { mix, timeline: true, timelineMax: linesMax });
      result = { ...result, timeline: told.timeline };
    } else if (repeated) {
      const again = await runSeed(seed, { mix });
      if (again.traceHash !== result.traceHash)
        result = { ...result, failure: "not deterministic: a second run of the seed took another course" };
    }
    process.send?.({ result, repeated } satisfies Report);
  }
  process.send?.({ done: from } satisfies Report);
}

process.on("message", (chunk: Chunk) => {
  run(chunk).catch((error: unknown) => {
    throw error;
  });
});
// The parent is gone.
process.on("disconnect", () => {
  process.exit(1);
});
