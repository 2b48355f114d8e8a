import { describe, expect, test } from "@jest/globals";
import { mixNames } from "./mixes.js";
import { runSeed, type SeedResult } from "./simulate.js";

/** What a reader needs of a seed that failed: why, how to repeat it, and the end of its story. */
async function expectWell(result: SeedResult): Promise<void> {
  if (result.failure === undefined) return;
  const told = await runSeed(result.seed, { mix: result.mix, timeline: true, timelineMax: 40 });
  throw new Error([result.failure, `repeat it with: ${result.command}`, ...told.timeline, result.stack].join("\n"));
}

/** Processor time is under a second; a busy machine may take its time. */
const TIMEOUT_MS = 120_000;

describe("whole clusters in virtual time", () => {
  test.each(mixNames)(
    "keep every promise under the faults of %s",
    async (mix) => {
      for (let seed = 1; seed <= 2; seed++) await expectWell(await runSeed(seed, { mix }));
    },
    TIMEOUT_MS,
  );

  test(
    "take the same course whenever the seed is the same",
    async () => {
      const seeds = [11, 12];
      for (const seed of seeds) {
        const first = await runSeed(seed);
        const second = await runSeed(seed, { timeline: true });
        expect({ seed, trace: second.traceHash, events: second.events }).toEqual({
          seed,
          trace: first.traceHash,
          events: first.events,
        });
      }
    },
    TIMEOUT_MS,
  );

  test(
    "break something in every run that is meant to",
    async () => {
      const { coverage } = await runSeed(5, { mix: "everything" });
      const { kills, powerLosses, pauses, splits, leadersIsolated, oneWayCuts } = coverage;
      expect(kills + powerLosses + pauses + splits + leadersIsolated + oneWayCuts).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );
});
