import { Counter, Gauge } from "prom-client";
import type { Labels, MetricOptions, MetricsRegistry } from "./registry.js";

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

export interface SampleOptions extends MetricOptions {
  readonly labelNames?: readonly string[];
  /** Called when the metrics are read: the present value, or one for each combination of labels. */
  readonly read: () => number | Iterable<Sample>;
}

/** A gauge that somebody else keeps. */
export function sampleGauge(registry: MetricsRegistry, options: SampleOptions): void {
  const { name, help, labelNames = [], read } = options;
  new Gauge<string>({
    name,
    help,
    labelNames,
    registers: [registry],
    collect() {
      const value = read();
      this.reset();
      if (typeof value === "number") this.set(value);
      else for (const sample of value) this.set(sample.labels, sample.value);
    },
  });
}

/** A counter that somebody else keeps; it must only ascend. */
export function sampleCounter(registry: MetricsRegistry, options: SampleOptions): void {
  const { name, help, labelNames = [], read } = options;
  new Counter<string>({
    name,
    help,
    labelNames,
    registers: [registry],
    collect() {
      const value = read();
      this.reset();
      if (typeof value === "number") this.inc(value);
      else for (const sample of value) this.inc(sample.labels, sample.value);
    },
  });
}
