/**
 * How a process tells its operator what it does: log lines, metrics, and the endpoints that show them. Every process makes
 * one registry and one logger and hands them on; nothing here is global. Imports `base`, pino and prom-client, which no other
 * room sees. Promises: counting on a hot path costs a few nanoseconds and allocates nothing; all conversion happens when the
 * metrics are read; every name ends in its unit or, for counters, in `_total`.
 */
export { createCounter, createCounterFamily, CounterFamily, FastCounter } from "./fast-counter.js";
export {
  createHistogram,
  createHistogramFamily,
  exponentialBounds,
  FastHistogram,
  HistogramFamily,
  type HistogramOptions,
} from "./fast-histogram.js";
export { createLogger, type LogDestination, type Logger, type LoggerOptions, type LogLevel } from "./log.js";
export { type MetricsServer, type MetricsServerOptions, startMetricsServer } from "./metrics-server.js";
export { type OperationsAnswer, OperationsEndpoints, type OperationsOptions } from "./operations.js";
export { createRegistry, type Labels, type MetricOptions, type MetricsRegistry } from "./registry.js";
export { SteadyReadiness } from "./steady-readiness.js";
export { type Sample, sampleCounter, sampleGauge, type SampleOptions } from "./sampled.js";
