import { deriveSeed, Xoshiro128 } from "../../src/base/index.js";
import type { RunFacts } from "./checks.js";
import type { ChaosFlags } from "./flags.js";
import { Nemesis } from "./nemesis.js";
import { type Outage, outagesOf } from "./outage.js";
import type { Fault } from "./fault.js";
import { underLoad, type UnderLoadResult } from "./under-load.js";

export type RunResult = RunFacts & UnderLoadResult;

/** Starts a cluster in the folder, harms it under load, drains it, and judges the history. */
export async function runChaos(flags: ChaosFlags, folder: string, say: (line: string) => void): Promise<RunResult> {
  const { kinds, faults, durationMs, patient } = flags;
  const rng = new Xoshiro128(deriveSeed(flags.seed, "nemesis"));
  let done: readonly Fault[] = [];
  let outages: () => readonly Outage[] = () => [];
  const result = await underLoad({ ...flags, retryMs: 0 }, folder, say, async ({ cluster, load, recorder }) => {
    const nemesis = new Nemesis({ cluster, recorder, rng, probes: load.probes, kinds, faults, durationMs, say });
    done = nemesis.faults;
    outages = () => outagesOf(done, load.probes);
    await nemesis.run();
  });
  return { ...result, faults: done, faultsWanted: faults, outages: outages(), patient };
}
