import { describe, expect, it } from "@jest/globals";
import { Chaos, type ChaosCounts } from "./chaos.js";

/** RAFT_SEED=n runs one seed; RAFT_SEEDS=n that many from 1 on; RAFT_STEPS the length of each. */
const only = process.env["RAFT_SEED"];
const seeds = Number(process.env["RAFT_SEEDS"] ?? 150);
const steps = Number(process.env["RAFT_STEPS"] ?? 3_000);

function run(seed: number): ChaosCounts {
  try {
    const chaos = new Chaos(seed);
    chaos.run(steps);
    return chaos.counts;
  } catch (error) {
    const repeat = `RAFT_SEED=${String(seed)} RAFT_STEPS=${String(steps)} npx jest test/raft/chaos.test.ts`;
    throw new Error(`seed ${String(seed)} failed (${(error as Error).message}); repeat with: ${repeat}`, {
      cause: error,
    });
  }
}

describe("seeded chaos", () => {
  it("keeps every safety property and recovers, for every seed", () => {
    if (only !== undefined) {
      run(Number(only));
      return;
    }
    const totals = new Map<string, number>();
    for (let seed = 1; seed <= seeds; seed++)
      for (const [name, count] of Object.entries(run(seed))) totals.set(name, (totals.get(name) ?? 0) + Number(count));
    // A run that never met what it is there for proves nothing.
    for (const [name, count] of totals) expect({ name, met: count > 0 }).toEqual({ name, met: true });
    if (process.env["RAFT_COUNTS"] !== undefined) process.stdout.write(`${JSON.stringify([...totals])}\n`);
  }, 600_000);
});
