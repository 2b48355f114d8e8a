import type { Metric } from "prom-client";
import { assert } from "../base/index.js";
import type { Labels, MetricOptions, MetricsRegistry } from "./registry.js";

export interface HistogramOptions extends MetricOptions {
  /** Upper bounds of the buckets, ascending, without infinity. */
  readonly bounds: readonly number[];
}

/** `count` bounds from `first`, each `factor` times the one before. */
export function exponentialBounds(first: number, factor: number, count: number): number[] {
  assert(first > 0 && factor > 1 && count >= 1, "bounds must ascend from above zero");
  // Three significant digits: 0.0016, not 0.0016000000000000003.
  return Array.from({ length: count }, (_, i) => Number((first * factor ** i).toPrecision(3)));
}

/** A histogram whose `observe` is a short binary search and two additions. */
export class FastHistogram {
  readonly #bounds: Float64Array;
  /** One per bound, and one for all above the last. Not cumulative. */
  readonly #counts: Float64Array;
  readonly #sum = new Float64Array(1);

  constructor(bounds: Float64Array) {
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    let low = 0;
    let high = bounds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (value <= (bounds[middle] as number)) high = middle;
      else low = middle + 1;
    }
    (this.#counts[low] as number)++;
    (this.#sum[0] as number) += value;
  }

  get sum(): number {
    return this.#sum[0] as number;
  }

  get count(): number {
    return this.#counts.reduce((total, count) => total + count, 0);
  }

  /** Observations at or below each bound, then all of them. */
  cumulativeCounts(): number[] {
    let total = 0;
    return Array.from(this.#counts, (count) => (total += count));
  }
}

interface RawValue {
  readonly metricName: string;
  readonly labels: Labels;
  readonly value: number;
}

/** Histograms of one name that differ in their labels. Ask once for each and keep it: `with` is not for hot paths. */
export class HistogramFamily<Name extends string> {
  readonly name: string;
  readonly help: string;
  readonly type = "histogram";
  readonly labelNames: readonly Name[];
  readonly #bounds: Float64Array;
  readonly #series = new Map<string, { readonly labels: Record<Name, string>; readonly histogram: FastHistogram }>();

  constructor(options: HistogramOptions & { readonly labelNames: readonly Name[] }) {
    assert(/^[a-z][a-z0-9_]*$/.test(options.name), `not a metric name: ${options.name}`);
    const ascending = options.bounds.every((bound, i, all) => i === 0 || bound > Number(all[i - 1]));
    assert(ascending, "bounds must ascend");
    this.name = options.name;
    this.help = options.help;
    this.labelNames = options.labelNames;
    this.#bounds = Float64Array.from(options.bounds);
  }

  /** Label values must come from a closed set: each makes time series that are never dropped. */
  with(labels: Record<Name, string>): FastHistogram {
    const key = this.labelNames.map((name) => labels[name]).join("\0");
    let series = this.#series.get(key);
    if (series === undefined) {
      series = { labels, histogram: new FastHistogram(this.#bounds) };
      this.#series.set(key, series);
    }
    return series.histogram;
  }

  /** What prom-client asks of a metric when it is read. */
  get(): Promise<{ name: string; help: string; type: string; aggregator: string; values: RawValue[] }> {
    const values: RawValue[] = [];
    for (const { labels, histogram } of this.#series.values()) {
      const counts = histogram.cumulativeCounts();
      counts.forEach((value, i) => {
        values.push({ metricName: `${this.name}_bucket`, labels: { ...labels, le: this.#bounds[i] ?? "+Inf" }, value });
      });
      values.push({ metricName: `${this.name}_sum`, labels, value: histogram.sum });
      values.push({ metricName: `${this.name}_count`, labels, value: counts.at(-1) ?? 0 });
    }
    return Promise.resolve({ name: this.name, help: this.help, type: this.type, aggregator: "sum", values });
  }
}

export function createHistogramFamily<Name extends string>(
  registry: MetricsRegistry,
  options: HistogramOptions & { readonly labelNames: readonly Name[] },
): HistogramFamily<Name> {
  const family = new HistogramFamily<Name>(options);
  // The registry calls `get` and reads `name`; prom-client's own type for metrics names only its classes.
  registry.registerMetric(family as unknown as Metric);
  return family;
}

export function createHistogram(registry: MetricsRegistry, options: HistogramOptions): FastHistogram {
  return createHistogramFamily<never>(registry, { ...options, labelNames: [] }).with({});
}
