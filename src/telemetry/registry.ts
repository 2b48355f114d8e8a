import { collectDefaultMetrics, Registry } from "prom-client";

export type MetricsRegistry = Registry;

export type Labels = Readonly<Record<string, string | number>>;

export interface MetricOptions {
  /** Lower case with underscores, beginning with `marconi_`, unit last; a counter ends in `_total`. */
  readonly name: string;
  /** One sentence for whoever reads a dashboard. */
  readonly help: string;
}

/**
 * The metrics of one process, with those of the process itself: CPU, memory, file descriptors, garbage collection, and the
 * delay of the event loop (`nodejs_eventloop_lag_*_seconds`), from which a stall is told from a slow disk.
 */
export function createRegistry(): MetricsRegistry {
  const registry: MetricsRegistry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const metric of registry.getMetricsAsArray()) {
    const { name, type } = metric as unknown as { readonly name: string; readonly type: string };
    // `_total` is a counter's ending; prom-client gives it to three gauges, which `promtool check metrics` rejects.
    if (type === "gauge" && name.endsWith("_total")) registry.removeSingleMetric(name);
  }
  return registry;
}
