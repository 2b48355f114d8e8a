import type { Check } from "./checks.js";
import type { Fault } from "./fault.js";
import type { ChangeResult } from "./membership-scenario.js";
import { histogramLines, type Outage, spreadOf, worstPerFault } from "./outage.js";
import type { RunResult } from "./run.js";
import { stretchLines } from "./stretches.js";
import type { UnderLoadResult } from "./under-load.js";

const ms = (value: number): string => `${Math.round(value)} ms`;

function spreadLine(values: readonly number[]): string {
  const { count, p50, p99, max } = spreadOf(values);
  return count === 0 ? "none" : `p50 ${ms(p50)}, p99 ${ms(p99)}, max ${ms(max)} of ${count}`;
}

/** Outages by kind of fault: what a kill of one node costs, and what it costs to lose the majority, are different questions. */
export function outageLines(outages: readonly Outage[]): string[] {
  const kinds = [...new Set(outages.map(({ fault }) => fault.kind))].sort();
  return kinds.flatMap((kind) => {
    const some = outages.filter(({ fault }) => fault.kind === kind);
    const worst = worstPerFault(some);
    return [
      `unavailability after ${kind}, from the fault to the first acknowledged write:`,
      `  the partition that waited longest, per fault: ${spreadLine(worst)}`,
      `  every partition that lost its leader:         ${spreadLine(some.map((outage) => outage.ms))}`,
      ...(kind === "kill" || kind === "pause" ? [] : sinceStart(some)),
      ...histogramLines(worst),
    ];
  });
}

/** Without a majority nothing can be acknowledged until nodes are back: what they then take is theirs. */
function sinceStart(outages: readonly Outage[]): string[] {
  const since = outages.map(({ fault, ms: outageMs }) => Math.max(0, outageMs - (fault.startedAgainMs - fault.atMs)));
  return [`  counted from when nodes were started again:   ${spreadLine(since)}`];
}

function faultLine(faults: readonly Fault[]): string {
  const counts = new Map<string, number>();
  for (const { kind } of faults) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const kills = faults.filter(({ kind }) => kind !== "pause").reduce((sum, { nodes }) => sum + nodes.length, 0);
  const kinds = [...counts].map(([kind, count]) => `${kind} ${count}`).join(", ");
  return `${faults.length} faults (${kinds}); ${kills} processes killed with SIGKILL`;
}

export function reportLines(result: RunResult, checks: readonly Check[]): string[] {
  return [
    "",
    `injected: ${faultLine(result.faults)}`,
    ...workLines(result),
    `ready again after a start: ${spreadLine(result.faults.flatMap(({ returns }) => returns.map(({ readyMs }) => readyMs)))}`,
    ...outageLines(result.outages),
    "",
    ...checkLines(result, checks),
  ];
}

export function changeReportLines(result: ChangeResult, checks: readonly Check[]): string[] {
  return [
    "",
    `changed: ${result.changes.join(", ")}`,
    ...workLines(result),
    `${result.tally.refusedForAWhile} operations were done only after they had been refused with Retry-After`,
    ...stretchLines(result.stretches),
    "",
    ...checkLines(result, checks),
  ];
}

function workLines({ verdict: { counts }, tally, left }: UnderLoadResult): string[] {
  const answers = [...tally.answers].sort().map(([what, count]) => `${what}: ${count}`);
  return [
    `did: ${counts.operations} operations, of which ${counts.failed} failed for certain and ${counts.unknown} with unknown outcome`,
    `  ${counts.acknowledged} messages acknowledged, ${counts.undetermined} undetermined (${counts.recovered} of them turned up)`,
    `  ${counts.claims} claims handed out ${counts.delivered} messages, ${counts.redelivered} of them again, ${counts.lapses} after a lapse`,
    `  ${counts.deleted} messages deleted, ${counts.renewals} renewals, ${counts.releases} releases, ${counts.pagings} pagings of ${counts.pages} pages, ${counts.reads} reads`,
    `  ${left} messages were left for the drain`,
    `answers: ${answers.join(", ")}`,
  ];
}

function checkLines({ stuck }: UnderLoadResult, checks: readonly Check[]): string[] {
  return [
    ...checks.flatMap(({ name, passed, details }) => [
      `${passed ? "ok    " : "FAILED"} ${name}`,
      ...details.map((detail) => `         ${detail}`),
    ]),
    ...(stuck === undefined ? [] : [`FAILED the run came to its end`, `         ${String(stuck.stack)}`]),
  ];
}
