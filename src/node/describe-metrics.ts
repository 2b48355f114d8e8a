import type { MetricsRegistry } from "../telemetry/index.js";
import { NodeMetrics } from "./metrics.js";

/** Every metric of a node, for the reference: none may be read, since there is no node behind them. */
export function nodeMetrics(): MetricsRegistry {
  const metrics = new NodeMetrics();
  // What is watched is looked at only when somebody reads.
  const nothing = {} as never;
  metrics.watch(nothing, nothing, nothing, nothing);
  return metrics.registry;
}
