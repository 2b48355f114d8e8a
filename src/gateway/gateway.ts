import type { AddressInfo } from "node:net";
import type { QueueService } from "../contract/index.js";
import { type Logger, type MetricsRegistry, OperationsEndpoints } from "../telemetry/index.js";
import { Admission } from "./admission.js";
import { Dispatcher } from "./dispatcher.js";
import { HttpMetrics } from "./http-metrics.js";
import { HttpServer } from "./http-server.js";
import { type GatewayLimits, gatewayLimits } from "./limits.js";
import { RouteTable } from "./route-table.js";
import { UnsentAnswers } from "./unsent-answers.js";
import { v1 } from "./v1/index.js";
import { versionsApi } from "./version-document.js";

export interface GatewayOptions {
  readonly service: QueueService;
  /** Where the HTTP side registers its metrics. */
  readonly registry: MetricsRegistry;
  readonly log: Logger;
  /** What differs from `gatewayLimits`. */
  readonly limits?: Partial<GatewayLimits>;
  /** Whether `/metrics`, `/health` and `/ready` are answered beside the API; true unless said. */
  readonly operations?: boolean;
}

export interface GatewayServer {
  /** Port 0: any free one. Rejects when the address cannot be listened on. */
  listen(port: number, host: string): Promise<AddressInfo>;
  /** Accepts no more, ends what is in work with `Connection: close`, and after `graceMs` cuts off the rest. */
  close(graceMs: number): Promise<void>;
}

/** The REST API in front of a cluster. */
export function createGateway(options: GatewayOptions): GatewayServer {
  const { service, registry, log } = options;
  const limits: GatewayLimits = { ...gatewayLimits, ...options.limits };
  const routes = new RouteTable([versionsApi, v1(service)]);
  const admission = new Admission(limits.inflightRequestsMax, limits.inflightBytesMax);
  const templates = routes.routes.map((route) => route.template);
  const metrics = new HttpMetrics(registry, templates, admission);
  const unsent = new UnsentAnswers(admission, limits.answerTimeoutMs);
  const ready = (): boolean => !dispatcher.closing && service.healthy();
  const operations = new OperationsEndpoints({ registry, health: () => true, ready });
  const dispatcher: Dispatcher = new Dispatcher({
    routes,
    operations: options.operations === false ? undefined : operations,
    admission,
    unsent,
    metrics,
    limits,
    log,
  });
  return new HttpServer({ dispatcher, admission, unsent, metrics, limits, log });
}
