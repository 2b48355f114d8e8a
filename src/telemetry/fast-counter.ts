import { Counter } from "prom-client";
import type { Labels, MetricOptions, MetricsRegistry } from "./registry.js";

/** A counter whose `add` is one addition in a typed array. */
export class FastCounter {
  readonly #cell = new Float64Array(1);

  /** `count` >= 0. */
  add(count = 1): void {
    (this.#cell[0] as number) += count;
  }

  get value(): number {
    return this.#cell[0] as number;
  }
}

/** Counters of one name that differ in their labels. Ask once for each and keep it: `with` is not for hot paths. */
export class CounterFamily<Name extends string> {
  readonly #labelNames: readonly Name[];
  readonly #series = new Map<string, { readonly labels: Record<Name, string>; readonly counter: FastCounter }>();

  constructor(labelNames: readonly Name[]) {
    this.#labelNames = labelNames;
  }

  /** Label values must come from a closed set: each makes a time series that is never dropped. */
  with(labels: Record<Name, string>): FastCounter {
    const key = this.#labelNames.map((name) => labels[name]).join("\0");
    let series = this.#series.get(key);
    if (series === undefined) {
      series = { labels, counter: new FastCounter() };
      this.#series.set(key, series);
    }
    return series.counter;
  }

  *samples(): Generator<{ readonly labels: Labels; readonly value: number }> {
    for (const { labels, counter } of this.#series.values()) yield { labels, value: counter.value };
  }
}

export function createCounter(registry: MetricsRegistry, options: MetricOptions): FastCounter {
  const counter = new FastCounter();
  new Counter({
    ...options,
    registers: [registry],
    collect() {
      this.reset();
      this.inc(counter.value);
    },
  });
  return counter;
}

export function createCounterFamily<Name extends string>(
  registry: MetricsRegistry,
  options: MetricOptions & { readonly labelNames: readonly Name[] },
): CounterFamily<Name> {
  const family = new CounterFamily<Name>(options.labelNames);
  new Counter<string>({
    ...options,
    registers: [registry],
    collect() {
      this.reset();
      for (const { labels, value } of family.samples()) this.inc(labels, value);
    },
  });
  return family;
}
