import { longestSilence } from "./outage.js";
import type { ProbeWriter } from "./probe.js";
import type { Timeline, Window } from "./timeline.js";

/** A part of a run, and what clients saw of it. */
export interface Stretch extends Window {
  readonly name: string;
  /** The longest that any partition acknowledged nothing, although it was written to every 20 ms. */
  readonly outageMs: number;
  readonly partition: number;
}

/** Cuts a run into named parts, one after the other. */
export class Stretches {
  readonly all: Stretch[] = [];
  readonly #timeline: Timeline;
  readonly #probes: readonly ProbeWriter[];
  #beganMs = performance.now();

  constructor(timeline: Timeline, probes: readonly ProbeWriter[]) {
    this.#timeline = timeline;
    this.#probes = probes;
  }

  /** What follows belongs to the next part. */
  begin(): void {
    this.#beganMs = performance.now();
  }

  end(name: string): Stretch {
    const [fromMs, toMs] = [this.#beganMs, performance.now()];
    const silences = this.#probes.map((probe) => ({
      partition: probe.partition,
      ms: longestSilence(probe, fromMs, toMs),
    }));
    const worst = silences.reduce((most, each) => (each.ms > most.ms ? each : most), { partition: 0, ms: 0 });
    const window = this.#timeline.window(fromMs, toMs);
    const stretch = { name, ...window, outageMs: worst.ms, partition: worst.partition };
    this.all.push(stretch);
    this.#beganMs = toMs;
    return stretch;
  }
}

/** Lines of a table. */
export function stretchLines(stretches: readonly Stretch[]): string[] {
  const rows = stretches.map(({ name, seconds, perSecond, p50Ms, p99Ms, maxMs, outageMs, partition }) => [
    ...[name, seconds.toFixed(1), String(Math.round(perSecond))],
    ...[p50Ms.toFixed(1), p99Ms.toFixed(1), maxMs.toFixed(0), `${outageMs.toFixed(0)} (partition ${partition})`],
  ]);
  const titles = ["", "s", "operations/s", "p50 ms", "p99 ms", "max ms", "longest outage ms"];
  const widths = titles.map((title, i) => Math.max(title.length, ...rows.map((row) => (row[i] as string).length)));
  return [titles, ...rows].map((row) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] as number) : cell.padStart(widths[i] as number))).join("  "),
  );
}
