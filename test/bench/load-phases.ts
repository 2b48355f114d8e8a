import type { Cluster } from "../chaos/cluster.js";
import type { LoadResult } from "./load-protocol.js";
import { rssOf, usageOf } from "./process-usage.js";

/** What a cluster did and used in one stretch of a steady load. */
export interface Phase {
  readonly name: string;
  readonly seconds: number;
  /** Messages that went all the way, a second. */
  readonly perSecond: number;
  /** Of requests, over all periods: the middle of the medians, the middle and the worst of the 99th percentiles. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p99MsMax: number;
  readonly maxMs: number;
  /** Microseconds of CPU per message, by process; those that were not there all the time are left out. */
  readonly cpuUs: ReadonlyMap<string, number>;
  /** Of all processes of the cluster together, what those used that came meanwhile included. */
  readonly cpuSeconds: number;
  readonly messages: number;
  /** Bytes, at the end of the phase. */
  readonly rss: ReadonlyMap<string, number>;
}

interface Period {
  readonly endMs: number;
  readonly load: LoadResult;
}

interface Mark {
  readonly name: string;
  readonly atMs: number;
  readonly cpu: ReadonlyMap<string, { readonly pid: number; readonly cpuUs: number }>;
}

/** The middle one; NaN of none. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? NaN;
}

/** Cuts a load that is told in short periods into phases, and keeps what processes used in each. */
export class LoadPhases {
  readonly #cluster: Cluster;
  readonly #periods: Period[] = [];
  #mark: Mark | undefined;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  add(load: LoadResult): void {
    this.#periods.push({ endMs: performance.now(), load });
  }

  begin(name: string): void {
    this.#mark = { name, atMs: performance.now(), cpu: this.#cpu() };
  }

  /** Ends what began last. A period that lies only partly in it is left out, unless there is no other. */
  end(): Phase {
    const mark = this.#mark;
    if (mark === undefined) throw new Error("no phase has begun");
    const atMs = performance.now();
    const after = this.#cpu();
    const touching = this.#periods.filter(({ endMs }) => endMs > mark.atMs);
    const inside = touching.filter(({ endMs, load }) => endMs - load.seconds * 1_000 >= mark.atMs);
    const loads = (inside.length > 0 ? inside : touching).map(({ load }) => load);
    const seconds = loads.reduce((sum, load) => sum + load.seconds, 0);
    const messages = loads.reduce((sum, load) => sum + load.deleted, 0);
    const messagesOfPhase = (messages / seconds) * ((atMs - mark.atMs) / 1_000);
    const cpuUs = new Map<string, number>();
    let cpuUsOfAll = 0;
    for (const [name, now] of after) {
      const before = mark.cpu.get(name);
      const wasThere = before?.pid === now.pid;
      const usedUs = now.cpuUs - (wasThere ? before.cpuUs : 0);
      cpuUsOfAll += usedUs;
      if (wasThere) cpuUs.set(name, usedUs / messagesOfPhase);
    }
    const p99s = loads.map(({ all }) => all.p99Ms);
    return {
      name: mark.name,
      seconds: (atMs - mark.atMs) / 1_000,
      perSecond: messages / seconds,
      p50Ms: median(loads.map(({ all }) => all.p50Ms)),
      p99Ms: median(p99s),
      p99MsMax: Math.max(...p99s),
      maxMs: Math.max(...loads.map(({ all }) => all.maxMs)),
      cpuUs,
      cpuSeconds: cpuUsOfAll / 1e6,
      messages: messagesOfPhase,
      rss: new Map(this.#running().map((name) => [name, rssOf(this.#cluster.pid(name))])),
    };
  }

  #running(): string[] {
    return [...this.#cluster.nodes, "gateway"].filter((name) => this.#cluster.isRunning(name));
  }

  #cpu(): Mark["cpu"] {
    return new Map(
      this.#running().map((name) => {
        const pid = this.#cluster.pid(name);
        return [name, { pid, cpuUs: usageOf(pid).cpuUs }];
      }),
    );
  }
}
