/**
 * REST in front of a cluster: HTTP requests become calls of `QueueService`, its answers become replies. Stateless; any number
 * may run. Imports `base`, `contract`, `command` (to encode messages once, here), `config`, `telemetry` and, for the router, `rpc`
 * and generated code; never `node`. Promises: every request gets an answer of the contract or a closed socket, never a stack
 * trace; a message's body goes in and comes out byte for byte; memory is bounded whatever clients do.
 */
export { createGateway, type GatewayOptions, type GatewayServer } from "./gateway.js";
export type { GatewayLimits } from "./limits.js";
export { type GatewayContext, gatewayMetrics, runGateway } from "./run-gateway.js";
