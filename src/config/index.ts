/**
 * What each kind of process can be told: one table per command with defaults, bounds and documentation, and the order of
 * precedence, flags before environment before defaults. Imports base and contract only. Promises: a configuration that is
 * handed out has passed every check; unknown keys are refused; secrets are masked wherever it is shown.
 */
export { type Member, parseAddress } from "./address.js";
export { type LogLevel } from "./common.js";
export {
  type DevConfig,
  devNodesMax,
  devPortConflicts,
  devPorts,
  devReplicationFactor,
  devSchema,
} from "./dev-config.js";
export { refuseUnknownVariables, schemas } from "./environment.js";
export { type GatewayConfig, gatewaySchema } from "./gateway-config.js";
export { advertisedAddress, type NodeConfig, nodeSchema } from "./node-config.js";
export { type OperatorConfig, operatorSchema } from "./operator-config.js";
export { processFlags } from "./process-flags.js";
export { type RunningProcess, StartRefusal } from "./running-process.js";
export {
  ConfigError,
  type ConfigOf,
  type Environment,
  environmentName,
  flagName,
  type Flags,
  resolve,
  type Resolved,
  type Schema,
  type Settings,
  type Source,
  toFlags,
} from "./schema.js";
export { showConfig } from "./show.js";
