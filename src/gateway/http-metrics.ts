import {
  type CounterFamily,
  createCounterFamily,
  createHistogramFamily,
  exponentialBounds,
  type FastHistogram,
  type HistogramFamily,
  type MetricsRegistry,
  sampleGauge,
} from "../telemetry/index.js";
import type { Admission } from "./admission.js";

/** Why a request or connection was turned away without being looked at. */
export type RejectReason = "connections" | "malformed" | "overloaded" | "slow-reader" | "timeout";

const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
const statusSpan = 1_024;

/** What the HTTP side counts. Routes appear as their templates, so that no client can make time series. */
export class HttpMetrics {
  readonly #durations: HistogramFamily<"route" | "method" | "status">;
  readonly #rejected: CounterFamily<"reason">;
  readonly #templates: readonly string[];
  /** Series by route, method and status: filled when first met, found by one number afterwards. */
  readonly #series = new Map<number, FastHistogram>();

  /** `templates`: by the index of the route. */
  constructor(registry: MetricsRegistry, templates: readonly string[], admission: Admission) {
    this.#templates = templates;
    this.#durations = createHistogramFamily(registry, {
      name: "marconi_http_request_duration_seconds",
      help: "Time from a request's headers to the hand-over of its answer to the socket.",
      labelNames: ["route", "method", "status"],
      bounds: exponentialBounds(0.000_5, 2, 16),
    });
    this.#rejected = createCounterFamily(registry, {
      name: "marconi_http_rejected_total",
      help: "Requests and connections that were turned away or cut off before or after their work, by reason.",
      labelNames: ["reason"],
    });
    sampleGauge(registry, {
      name: "marconi_http_requests_in_flight",
      help: "Requests in work.",
      read: () => admission.requests,
    });
    sampleGauge(registry, {
      name: "marconi_http_held_bytes",
      help: "Bytes of request bodies in work and of answers that clients have not taken.",
      read: () => admission.bytes,
    });
  }

  /** `routeIndex` -1: no such route. Status 499: the client left before its answer. */
  observe(routeIndex: number, method: string, status: number, seconds: number): void {
    const methodIndex = methods.indexOf(method);
    const key = ((routeIndex + 1) * 8 + methodIndex + 1) * statusSpan + status;
    let series = this.#series.get(key);
    if (series === undefined) {
      series = this.#durations.with({
        route: this.#templates[routeIndex] ?? "unknown",
        method: methods[methodIndex] ?? "other",
        status: String(status),
      });
      this.#series.set(key, series);
    }
    series.observe(seconds);
  }

  reject(reason: RejectReason, count = 1): void {
    this.#rejected.with({ reason }).add(count);
  }
}
