import { logLevel, partitions, replicationFactor } from "./common.js";
import type { ConfigOf, Schema } from "./schema.js";
import { flag, integer, text } from "./setting.js";

/** The dev cluster's nodes are numbered from 1 and listen on the base ports plus their number. */
const NODES_MAX = 15;
const BASE_PORT_MAX = 65_535 - NODES_MAX;

const devSettings = {
  nodes: integer({ fallback: 3, min: 1, max: NODES_MAX, doc: "Storage nodes to run, each a process of its own." }),
  port: integer({ fallback: 8888, min: 1, max: 65_535, doc: "Port of the gateway's REST API." }),
  host: text({
    form: "a host name or address",
    pattern: /^[A-Za-z0-9][A-Za-z0-9.-]*$/,
    fallback: "127.0.0.1",
    doc: "Where all processes listen. There is no authentication: anything but loopback lets the network in.",
  }),
  basePort: integer({
    fallback: 7100,
    min: 1,
    max: BASE_PORT_MAX,
    doc: "Node i listens for peers and gateways on this plus i.",
  }),
  metricsBasePort: integer({
    fallback: 9100,
    min: 1,
    max: BASE_PORT_MAX,
    doc: "The gateway serves /metrics on this port, node i on this plus i.",
  }),
  data: text({ form: "a folder", pattern: /./, fallback: "./data", doc: "Where the nodes keep their data and logs." }),
  partitions: partitions(),
  replicationFactor: integer({
    fallback: 0,
    min: 0,
    max: 7,
    doc: `${replicationFactor().doc} 0: 3, or as many as there are nodes.`,
  }),
  reset: flag({ doc: "Remove the cluster in the data folder with all its messages, then start a new one." }),
  logLevel: logLevel(),
};

export type DevConfig = ConfigOf<typeof devSettings>;

/** Every port that the cluster will listen on, with its user and the flag that moves it. */
export function devPorts(config: DevConfig): { readonly port: number; readonly user: string; readonly flag: string }[] {
  const ports = [
    { port: config.port, user: "the gateway", flag: "--port" },
    { port: config.metricsBasePort, user: "the gateway's metrics", flag: "--metrics-base-port" },
  ];
  for (let i = 1; i <= config.nodes; i++) {
    ports.push({ port: config.basePort + i, user: `node n${i}`, flag: "--base-port" });
    ports.push({ port: config.metricsBasePort + i, user: `the metrics of node n${i}`, flag: "--metrics-base-port" });
  }
  return ports;
}

/** Copies of every message: what was asked for, else 3 or as many as there are nodes. */
export function devReplicationFactor(config: DevConfig): number {
  return config.replicationFactor === 0 ? Math.min(3, config.nodes) : config.replicationFactor;
}

function conflicts(config: DevConfig): string[] {
  const broken: string[] = [];
  if (config.replicationFactor > config.nodes)
    broken.push(`--replication-factor ${config.replicationFactor} needs as many nodes; --nodes is ${config.nodes}`);
  const users = new Map<number, { user: string; flag: string }>();
  for (const { port, user, flag: name } of devPorts(config)) {
    const other = users.get(port);
    if (other !== undefined)
      broken.push(`port ${port} is wanted for ${other.user} and for ${user}: change ${other.flag} or ${name}`);
    users.set(port, { user, flag: name });
  }
  return broken;
}

export const devSchema: Schema<typeof devSettings> = {
  command: "dev",
  environmentPrefix: "MARCONI_DEV_",
  settings: devSettings,
  conflicts,
};
