import { type ChildProcess, fork } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { type CoverageCounts, coverageNames, zeroCoverage } from "./coverage.js";
import type { MixName } from "./mixes.js";
import type { SeedResult } from "./simulate.js";
import type { Chunk, Report } from "./worker-main.js";

export interface SeedRangeOptions {
  readonly from: number;
  readonly count: number;
  readonly mix: MixName | undefined;
  readonly workers: number;
  readonly linesMax: number;
  /** Takes up what an interrupted run of the same range left. */
  readonly resume: boolean;
  onResult(result: SeedResult): void;
}

export interface RangeSummary {
  finished: number;
  failed: number;
  repeated: number;
  cpuMs: number;
  counts: CoverageCounts;
}

/** What survives an interruption: whole chunks only. */
interface Saved extends RangeSummary {
  readonly chunks: number[];
}

const CHUNK_SEEDS = 10;
const REPEAT_EVERY = 100;
/** A process is replaced after so many chunks, so that a leak of one does not grow for ever. */
const CHUNKS_PER_PROCESS = 50;
const ROOT = fileURLToPath(new URL("../../", import.meta.url));

const zeroSummary = (): RangeSummary => ({ finished: 0, failed: 0, repeated: 0, cpuMs: 0, counts: zeroCoverage() });

function add(to: RangeSummary, from: RangeSummary): void {
  to.finished += from.finished;
  to.failed += from.failed;
  to.repeated += from.repeated;
  to.cpuMs += from.cpuMs;
  for (const name of coverageNames) to.counts[name] += from.counts[name];
}

/** A range of seeds over several processes, with a progress bar; what is finished is kept in a file under `.cache`. */
export class SeedRange {
  readonly #options: SeedRangeOptions;
  readonly #file: string;
  readonly #summary: RangeSummary = zeroSummary();
  readonly #chunks = new Set<number>();
  readonly #startedMs = performance.now();
  #next: number;
  #ran = 0;

  constructor(options: SeedRangeOptions) {
    this.#options = options;
    const { from, count, mix } = options;
    const name = `${String(from)}+${String(count)}-${(mix ?? "all").replaceAll(" ", "-")}.json`;
    this.#file = path.join(ROOT, ".cache", "simulation", name);
    this.#next = from;
    if (options.resume) this.#load();
  }

  async run(): Promise<RangeSummary> {
    await Promise.all(Array.from({ length: this.#options.workers }, () => this.#work()));
    this.#progress(true);
    fs.rmSync(this.#file, { force: true });
    return this.#summary;
  }

  #takeChunk(): Chunk | undefined {
    const { from, count, mix, linesMax } = this.#options;
    while (this.#chunks.has(this.#next)) this.#next += CHUNK_SEEDS;
    const first = this.#next;
    const left = from + count - first;
    if (left <= 0) return undefined;
    this.#next += CHUNK_SEEDS;
    return { from: first, count: Math.min(CHUNK_SEEDS, left), mix, linesMax, repeatEvery: REPEAT_EVERY };
  }

  /** One worker's share: chunk after chunk, in one process after another. */
  async #work(): Promise<void> {
    let child: ChildProcess | undefined;
    let chunks = 0;
    for (let chunk = this.#takeChunk(); chunk !== undefined; chunk = this.#takeChunk()) {
      if (child === undefined || chunks++ >= CHUNKS_PER_PROCESS) {
        child?.disconnect();
        child = startProcess();
        chunks = 1;
      }
      await this.#runChunk(child, chunk);
    }
    child?.disconnect();
  }

  #runChunk(child: ChildProcess, chunk: Chunk): Promise<void> {
    const summary = zeroSummary();
    return new Promise((resolve, reject) => {
      const died = (code: number | null): void => {
        reject(new Error(`the process that ran seeds ${String(chunk.from)} and on ended with ${String(code)}`));
      };
      const hear = (report: Report): void => {
        if ("result" in report) {
          this.#take(summary, report.result, report.repeated);
          return;
        }
        child.off("message", hear);
        child.off("exit", died);
        this.#finished(chunk.from, summary);
        resolve();
      };
      child.on("message", hear);
      child.on("exit", died);
      child.send(chunk);
    });
  }

  #take(summary: RangeSummary, result: SeedResult, repeated: boolean): void {
    const failed = result.failure === undefined ? 0 : 1;
    const { cpuMs, coverage: counts } = result;
    add(summary, { finished: 1, failed, repeated: repeated ? 1 : 0, cpuMs, counts });
    if (failed > 0) clearProgress();
    this.#options.onResult(result);
    this.#ran++;
  }

  #finished(first: number, summary: RangeSummary): void {
    add(this.#summary, summary);
    this.#chunks.add(first);
    this.#save();
    this.#progress(false);
  }

  // --- what survives an interruption

  #load(): void {
    if (!fs.existsSync(this.#file)) return;
    const saved = JSON.parse(fs.readFileSync(this.#file, "utf8")) as Saved;
    add(this.#summary, { ...saved, counts: { ...zeroCoverage(), ...saved.counts } });
    for (const chunk of saved.chunks) this.#chunks.add(chunk);
  }

  #save(): void {
    fs.mkdirSync(path.dirname(this.#file), { recursive: true });
    fs.writeFileSync(this.#file, JSON.stringify({ ...this.#summary, chunks: [...this.#chunks] } satisfies Saved));
  }

  // --- the bar

  #progress(last: boolean): void {
    if (!process.stderr.isTTY && !last && this.#chunks.size % 20 !== 0) return;
    const { count } = this.#options;
    const { finished, failed } = this.#summary;
    const perSecond = this.#ran / ((performance.now() - this.#startedMs) / 1_000);
    const filled = Math.floor((30 * finished) / count);
    const left = last ? 0 : (count - finished) / perSecond;
    const line = `[${"#".repeat(filled)}${".".repeat(30 - filled)}] ${String(finished)}/${String(count)}, ${String(failed)} failed, ${perSecond.toFixed(1)}/s, ${left.toFixed(0)} s left`;
    process.stderr.write(process.stderr.isTTY && !last ? `\r${line} ` : `\r${line}\n`);
  }
}

function clearProgress(): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${" ".repeat(100)}\r`);
}

function startProcess(): ChildProcess {
  const program = path.join(ROOT, "test", "support", "program.mjs");
  const worker = fileURLToPath(new URL("worker-main.ts", import.meta.url));
  // Most of what a run allocates dies with it: a large nursery halves the time spent collecting.
  return fork(program, [worker, "--no-build"], { execArgv: ["--max-semi-space-size=32"] });
}
