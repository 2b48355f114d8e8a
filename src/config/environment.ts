import { devSchema } from "./dev-config.js";
import { gatewaySchema } from "./gateway-config.js";
import { nodeSchema } from "./node-config.js";
import { operatorSchema } from "./operator-config.js";
import { ConfigError, type Environment, environmentName } from "./schema.js";

/** In the order in which they are documented. */
export const schemas = [nodeSchema, gatewaySchema, devSchema, operatorSchema] as const;

// Kubernetes tells every container about every service of its namespace; one called "marconi" makes MARCONI_SERVICE_HOST,
// MARCONI_PORT, MARCONI_PORT_8888_TCP_ADDR and the like.
const SERVICE_LINK = /_(SERVICE_(HOST|PORT)(_[A-Z0-9_]+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$/;

/**
 * A misspelt variable would silently leave a default in force, so every MARCONI_ variable must be the key of some command.
 *
 * @throws ConfigError
 */
export function refuseUnknownVariables(environment: Environment): void {
  const known = new Set(
    schemas.flatMap((schema) => Object.keys(schema.settings).map((key) => environmentName(schema, key))),
  );
  const unknown = Object.keys(environment).filter(
    (name) => name.startsWith("MARCONI_") && !known.has(name) && !SERVICE_LINK.test(name),
  );
  if (unknown.length > 0)
    throw new ConfigError(unknown.map((name) => `the environment variable ${name} is not a setting of Marconi`));
}
