import type { Fault } from "./fault.js";
import type { ProbeWriter } from "./probe.js";

/** How long one partition did not acknowledge, after one fault. */
export interface Outage {
  readonly fault: Fault;
  readonly partition: number;
  /** From the fault to the acknowledgement of a write that began after it. */
  readonly ms: number;
}

/** The outages of all partitions that a fault concerned. A write that began before the fault proves nothing. */
export function outagesOf(faults: readonly Fault[], probes: readonly ProbeWriter[]): Outage[] {
  return faults.flatMap((fault) =>
    probes
      .filter((probe) => fault.partitions.includes(probe.partition))
      .map((probe) => ({ fault, partition: probe.partition, ms: firstAfter(probe, fault.atMs) - fault.atMs })),
  );
}

function firstAfter(writer: ProbeWriter, atMs: number): number {
  let first = Infinity;
  for (const { invoke, complete, ok } of writer.probes) if (ok && invoke >= atMs && complete < first) first = complete;
  return first;
}

/** The longest that a partition acknowledged nothing which was written to it in [fromMs, toMs), although somebody wrote all the time. */
export function longestSilence(writer: ProbeWriter, fromMs: number, toMs: number): number {
  const acknowledged = writer.probes
    .filter(({ ok, complete }) => ok && complete >= fromMs && complete < toMs)
    .map(({ complete }) => complete)
    .sort((a, b) => a - b);
  let longest = 0;
  let last = fromMs;
  for (const complete of [...acknowledged, toMs]) {
    longest = Math.max(longest, complete - last);
    last = complete;
  }
  return longest;
}

export interface Spread {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Nearest rank. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN;
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}

/** The outage of the partition that waited longest, for each fault that concerned any. */
export function worstPerFault(outages: readonly Outage[]): number[] {
  const worst = new Map<Fault, number>();
  for (const { fault, ms } of outages) worst.set(fault, Math.max(ms, worst.get(fault) ?? 0));
  return [...worst.values()];
}

const STEPS_MS = [50, 100, 150, 200, 300, 400, 600, 1_000, 2_000, 3_000, 6_000, Infinity];
const BAR_CHARS_MAX = 40;

/** Lines of a histogram, from the first step that has anything to the last. */
export function histogramLines(values: readonly number[]): string[] {
  const counts = STEPS_MS.map(
    (step, i) => values.filter((value) => value <= step && value > (STEPS_MS[i - 1] ?? -Infinity)).length,
  );
  const most = Math.max(1, ...counts);
  const from = counts.findIndex((count) => count > 0);
  const to = counts.findLastIndex((count) => count > 0);
  if (from < 0) return ["(nothing was measured)"];
  return counts.slice(from, to + 1).map((count, i) => {
    const step = STEPS_MS[from + i] as number;
    const label = step === Infinity ? "more" : `up to ${step} ms`;
    return `${label.padStart(14)} ${String(count).padStart(5)} ${"#".repeat(Math.ceil((count / most) * BAR_CHARS_MAX))}`;
  });
}
