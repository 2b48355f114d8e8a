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

/** What prom-client is told, but for how a value is put in. */
function settings(registry: MetricsRegistry, { name, help, labelNames = [] }: SampleOptions) {
  return { name, help, labelNames, registers: [registry] };
}

function collect(read: SampleOptions["read"], put: (labels: Labels, value: number) => void): void {
  const value = read();
  if (typeof value === "number") put({}, value);
  else for (const sample of value) put(sample.labels, sample.value);
}

/** A gauge that somebody else keeps. */
export function sampleGauge(registry: MetricsRegistry, options: SampleOptions): void {
  new Gauge<string>({
    ...settings(registry, options),
    collect() {
      this.reset();
      collect(options.read, (labels, value) => {
        this.set(labels, value);
      });
    },
  });
}

/** A counter that somebody else keeps; it must only ascend. */
export function sampleCounter(registry: MetricsRegistry, options: SampleOptions): void {
  new Counter<string>({
    ...settings(registry, options),
    collect() {
      this.reset();
      collect(options.read, (labels, value) => {
        this.inc(labels, value);
      });
    },
  });
}
