/**
 * The simulator from the command line: `npm run simulate -- --seeds 2000`. Exits with 1 when a seed fails, after printing for each
 * the command that repeats it and the end of its story.
 */
import os from "node:os";
import { parseArgs } from "node:util";
import { coverageNames } from "./coverage.js";
import { type MixName, mixNames } from "./mixes.js";
import { mutants } from "./mutants/index.js";
import { runSeed, type SeedResult } from "./simulate.js";
import { SeedRange } from "./seed-range.js";

const usage = `usage: npm run simulate -- [options]
  --seeds N            how many seeds to run (default 200)
  --from N             the first of them (default 1)
  --seed N             run this one only, and print its story
  --mix NAME           the faults: ${mixNames.join(", ")} (default: each seed draws its own)
  --workers N          processes (default: one per two cores)
  --resume             go on with the same range where it was interrupted
  --require-coverage   fail when something never happened in the whole range
  --mutants            plant bugs, one at a time, and see that each is found within --seeds seeds
  --mutant TEXT        those only whose name contains the text
  --lines N            lines of a failing seed's story (default 60)
  --everything         the story of all partitions, not only of the one that failed
  --verbose            one line per seed
`;

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "200" },
    from: { type: "string", default: "1" },
    seed: { type: "string" },
    mix: { type: "string" },
    workers: { type: "string" },
    resume: { type: "boolean", default: false },
    "require-coverage": { type: "boolean", default: false },
    mutants: { type: "boolean", default: false },
    mutant: { type: "string" },
    lines: { type: "string", default: "60" },
    everything: { type: "boolean", default: false },
    verbose: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

function integer(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${name}: not a count: ${text}`);
  return value;
}

function mixOf(text: string | undefined): MixName | undefined {
  if (text === undefined) return undefined;
  const found = mixNames.find((name) => name === text);
  if (found === undefined) throw new Error(`--mix: one of ${mixNames.join(", ")}`);
  return found;
}

const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

function describe(result: SeedResult): string {
  const { seed, mix, failure, events, operations, virtualMs, cpuMs, traceHash } = result;
  const size = `${String(events)} events, ${String(operations)} operations in ${(virtualMs / 1_000).toFixed(1)} s virtual, ${cpuMs.toFixed(0)} ms`;
  return `seed ${String(seed)} (${mix}): ${failure ?? "ok"}; ${size}, trace ${traceHash.toString(16)}`;
}

function printFailure(result: SeedResult): void {
  print(`\n${describe(result)}`);
  for (const line of result.timeline) print(line);
  if (result.stack !== undefined) print(result.stack);
  print(`repeat it with: ${result.command}`);
}

function printCoverage(counts: Readonly<Record<string, number>>): string[] {
  const width = Math.max(...coverageNames.map((name) => name.length));
  print("\nit really happened:");
  for (const name of coverageNames) print(`  ${name.padEnd(width)} ${String(counts[name]).padStart(12)}`);
  return coverageNames.filter((name) => counts[name] === 0);
}

async function one(seed: number, mix: MixName | undefined): Promise<number> {
  const result = await runSeed(seed, {
    mix,
    timeline: true,
    timelineMax: integer("lines", values.lines),
    allPartitions: values.everything,
  });
  if (result.failure === undefined) {
    for (const line of result.timeline) print(line);
    print(describe(result));
    return 0;
  }
  printFailure(result);
  return 1;
}

async function many(mix: MixName | undefined): Promise<number> {
  const from = integer("from", values.from);
  const count = integer("seeds", values.seeds);
  const workers = integer("workers", values.workers ?? String(Math.max(1, os.cpus().length >> 1)));
  const range = new SeedRange({
    ...{ from, count, mix, workers, resume: values.resume, linesMax: integer("lines", values.lines) },
    onResult: (result) => {
      if (result.failure !== undefined) printFailure(result);
      else if (values.verbose) print(describe(result));
    },
  });
  const { finished, failed, counts, cpuMs, repeated } = await range.run();
  const missing = printCoverage(counts);
  print(
    `\n${String(finished)} seeds, ${String(failed)} failed, ${String(repeated)} run twice with the same trace, ` +
      `${(cpuMs / Math.max(1, finished)).toFixed(0)} ms of processor time each`,
  );
  if (values["require-coverage"] && missing.length > 0) {
    print(`never happened: ${missing.join(", ")}`);
    return 1;
  }
  return failed > 0 ? 1 : 0;
}

/** The mutation self-test (testing.md section 4): a bug that no seed finds is a gap in the simulator. */
async function hunt(): Promise<number> {
  const from = integer("from", values.from);
  const count = integer("seeds", values.seeds);
  const chosen = mutants.filter(({ name }) => name.includes(values.mutant ?? ""));
  const survivors: string[] = [];
  for (const { name, mix, plant } of chosen) {
    let caught: SeedResult | undefined;
    let seed = from;
    for (; seed < from + count && caught === undefined; seed++) {
      const result = await runSeed(seed, { mix, sabotage: plant });
      if (result.failure !== undefined) caught = result;
    }
    if (caught === undefined) survivors.push(name);
    const verdict = caught === undefined ? "SURVIVES" : `found by seed ${String(caught.seed)}`;
    print(
      `${verdict.padEnd(20)} ${name} (${mix})${caught === undefined ? "" : `: ${(caught.failure ?? "").slice(0, 160)}`}`,
    );
  }
  print(`\n${String(chosen.length)} mutants, ${String(survivors.length)} not found within ${String(count)} seeds`);
  // Some bugs need so much bad luck that no affordable number of seeds brings it about: nineteen of twenty must be found.
  return survivors.length * 20 > chosen.length ? 1 : 0;
}

if (values.help) print(usage);
else if (values.mutants || values.mutant !== undefined) process.exitCode = await hunt();
else {
  const mix = mixOf(values.mix);
  process.exitCode = values.seed === undefined ? await many(mix) : await one(integer("seed", values.seed), mix);
}
