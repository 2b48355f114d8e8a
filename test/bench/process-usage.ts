import fs from "node:fs";

/** What a process has used so far, as Linux counts it; all its threads. */
export interface ProcessUsage {
  readonly cpuUs: number;
  readonly rssBytes: number;
}

/** USER_HZ is 100 on every Linux that Node runs on. */
const US_PER_TICK = 10_000;

export function usageOf(pid: number): ProcessUsage {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name in parentheses may hold anything; fields are counted from behind it. utime and stime are the 14th and 15th of all.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return {
    cpuUs: (Number(fields[11]) + Number(fields[12])) * US_PER_TICK,
    rssBytes: rssOf(pid),
  };
}

export function rssOf(pid: number): number {
  const rss = /^VmRSS:\s+(\d+) kB$/m.exec(fs.readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(rss?.[1] ?? 0) * 1_024;
}
