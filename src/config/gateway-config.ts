import { address, addressShape } from "./address.js";
import { logLevel, stopTimeoutMs } from "./common.js";
import type { ConfigOf, Schema } from "./schema.js";
import { integer, list, text } from "./setting.js";

const gatewaySettings = {
  listen: address({ fallback: "127.0.0.1:8888", doc: "Where clients reach the REST API." }),
  nodes: list<string>({
    of: addressShape,
    doc: "Storage nodes to ask first; the others of the cluster are learnt from them. Two or more, so that one may be down.",
  }),
  clusterId: text({
    form: "a UUID in lower case, or nothing",
    pattern: /^$|^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
    fallback: "",
    doc: "The only cluster to serve. Nothing: the first one that is met.",
  }),
  metricsPort: integer({
    fallback: 9100,
    min: 1,
    max: 65_535,
    doc: "Port of /metrics, /health and /ready, on the host of --listen.",
  }),
  requestTimeoutMs: integer({
    fallback: 10_000,
    min: 100,
    max: 120_000,
    doc:
      "How long a request may wait for a leader and its answer, in milliseconds, before it is answered with 503. Larger: " +
      "rides out longer outages; clients wait longer for bad news.",
  }),
  inflightRequestsMax: integer({
    fallback: 20_000,
    min: 1,
    max: 1_000_000,
    doc: "Requests in work at once; beyond it new ones are answered with 503 at once. Larger: costs memory.",
  }),
  inflightMib: integer({
    fallback: 128,
    min: 1,
    max: 16_384,
    doc: "Bodies of requests in work at once; beyond it new ones are answered with 503 at once.",
  }),
  stopTimeoutMs: stopTimeoutMs(),
  logLevel: logLevel(),
};

export type GatewayConfig = ConfigOf<typeof gatewaySettings>;

export const gatewaySchema: Schema<typeof gatewaySettings> = {
  command: "gateway",
  environmentPrefix: "MARCONI_",
  settings: gatewaySettings,
  conflicts: (config) => (new Set(config.nodes).size < config.nodes.length ? ["--nodes names an address twice"] : []),
};
