import { type GatewayConfig, parseAddress, type RunningProcess, StartRefusal } from "../config/index.js";
import { systemClock, systemTimers } from "../base/index.js";
import type { QueueService } from "../contract/index.js";
import {
  createRegistry,
  type Logger,
  type MetricsRegistry,
  startMetricsServer,
  SteadyReadiness,
} from "../telemetry/index.js";
import { createGateway, type GatewayServer } from "./gateway.js";
import { registerRouterMetrics } from "./router-metrics.js";
import { createRouter, type PartitionRouter, type RouterStats } from "./router/index.js";

/** What a gateway gets from the process that it runs in. */
export interface GatewayContext {
  readonly log: Logger;
}

const MIB = 1_048_576;
/** Of the time that a stop may take, this share is for clients' requests; the rest is for hanging up. */
const REQUESTS_SHARE = 0.8;
const HANG_UP_MS = 500;
/** A partition may be without a leader for so long before the gateway says that it is not ready; requests wait meanwhile. */
const UNREADY_GRACE_MS = 3_000;
const READINESS_SAMPLE_MS = 50;

/** Every metric of a gateway, for the reference: none may be read, since there is no cluster behind them. */
export function gatewayMetrics(log: Logger): MetricsRegistry {
  // Handlers and gauges look at these only when a request or a scrape comes.
  const nothing = {} as never;
  return assemble({ inflightRequestsMax: 1, inflightMib: 1 }, { log }, nothing, () => nothing).registry;
}

/** The REST side over any service, and all its metrics. */
function assemble(
  config: Pick<GatewayConfig, "inflightRequestsMax" | "inflightMib">,
  context: GatewayContext,
  service: QueueService,
  stats: () => RouterStats,
): { readonly registry: MetricsRegistry; readonly gateway: GatewayServer } {
  const registry = createRegistry();
  registerRouterMetrics(registry, stats);
  const gateway = createGateway({
    service,
    registry,
    log: context.log,
    limits: { inflightRequestsMax: config.inflightRequestsMax, inflightBytesMax: config.inflightMib * MIB },
    // Clients have no business with them: they have a port of their own.
    operations: false,
  });
  return { registry, gateway };
}

/**
 * Starts a gateway; resolves when it listens. It need not have met a node: until then requests wait, and `/ready` says no.
 *
 * @throws StartRefusal when an address cannot be listened on
 */
export async function runGateway(config: GatewayConfig, context: GatewayContext): Promise<RunningProcess> {
  const { log } = context;
  const router = createRouter({
    nodes: config.nodes,
    log,
    requestTimeoutMs: config.requestTimeoutMs,
    clusterId: config.clusterId,
    gateway: `gateway ${config.listen}`,
  });
  try {
    return await serve(config, context, router);
  } catch (error) {
    await router.close(0);
    throw error;
  }
}

async function serve(config: GatewayConfig, context: GatewayContext, router: PartitionRouter): Promise<RunningProcess> {
  const { registry, gateway } = assemble(config, context, router, () => router.stats());
  const { host, port } = parseAddress(config.listen);
  let stopping = false;
  const readiness = new SteadyReadiness(systemClock, UNREADY_GRACE_MS);
  const sampling = systemTimers.every(READINESS_SAMPLE_MS, () => {
    readiness.note(router.healthy());
  });
  const operations = await listening(`${host}:${config.metricsPort}`, "--metrics-port", () =>
    startMetricsServer({
      registry,
      port: config.metricsPort,
      host,
      health: () => true,
      ready: () => !stopping && readiness.ready,
    }),
  );
  await listening(config.listen, "--listen", () => gateway.listen(port, host)).catch(async (error: unknown) => {
    sampling.cancel();
    await operations.close();
    throw error;
  });
  context.log.info({ listen: config.listen, nodes: config.nodes }, "gateway started");
  return {
    stop: async () => {
      stopping = true;
      sampling.cancel();
      await gateway.close(config.stopTimeoutMs * REQUESTS_SHARE);
      await router.close(HANG_UP_MS);
      await operations.close();
    },
  };
}

async function listening<T>(address: string, flag: string, listen: () => Promise<T>): Promise<T> {
  try {
    return await listen();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = code === "EADDRINUSE" ? "it is in use" : message;
    throw new StartRefusal(`cannot listen on ${address}: ${reason}. Free it, or choose another with ${flag}`);
  }
}
