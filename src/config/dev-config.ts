import { logLevel, partitions, replicationFactor } from "./common.js";
import type { ConfigOf, Schema } from "./schema.js";
import { flag, integer, text } from "./setting.js";

/** The dev cluster's nodes are numbered from 1 and listen on the base ports plus their number; no number is given out twice. */
export const devNodesMax = 15;
const BASE_PORT_MAX = 65_535 - devNodesMax;

const devSettings = {
  nodes: integer({
    fallback: 3,
    min: 1,
    max: devNodesMax,
    doc:
      "Storage nodes to run, each a process of its own. More than the cluster in the data folder has: new ones join it. Fewer " +
      "is refused: remove nodes first, with marconi node remove.",
  }),
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
    doc: `${replicationFactor().doc} 0: 3, or as many as there are nodes. It counts when the cluster is founded.`,
  }),
  reset: flag({ doc: "Remove the cluster in the data folder with all its messages, then start a new one." }),
  logLevel: logLevel(),
};

export type DevConfig = ConfigOf<typeof devSettings>;

export interface DevPort {
  readonly port: number;
  /** "node n1". */
  readonly user: string;
  /** The flag that moves it. */
  readonly flag: string;
}

/** Every port that the cluster will listen on. `numbers` are those of its nodes. */
export function devPorts(config: DevConfig, numbers: readonly number[]): DevPort[] {
  const ports = [
    { port: config.port, user: "the gateway", flag: "--port" },
    { port: config.metricsBasePort, user: "the gateway's metrics", flag: "--metrics-base-port" },
  ];
  for (const i of numbers) {
    ports.push({ port: config.basePort + i, user: `node n${i}`, flag: "--base-port" });
    ports.push({ port: config.metricsBasePort + i, user: `the metrics of node n${i}`, flag: "--metrics-base-port" });
  }
  return ports;
}

/** A sentence for each port that two would listen on. */
export function devPortConflicts(config: DevConfig, numbers: readonly number[]): string[] {
  const broken: string[] = [];
  const users = new Map<number, DevPort>();
  for (const wanted of devPorts(config, numbers)) {
    const other = users.get(wanted.port);
    if (other !== undefined)
      broken.push(
        `port ${wanted.port} is wanted for ${other.user} and for ${wanted.user}: change ${other.flag} or ${wanted.flag}`,
      );
    users.set(wanted.port, wanted);
  }
  return broken;
}

/** Copies of every message: what was asked for, else 3 or as many as there are nodes. */
export function devReplicationFactor(config: DevConfig): number {
  return config.replicationFactor === 0 ? Math.min(3, config.nodes) : config.replicationFactor;
}

function conflicts(config: DevConfig): string[] {
  const broken: string[] = [];
  if (config.replicationFactor > config.nodes)
    broken.push(`--replication-factor ${config.replicationFactor} needs as many nodes; --nodes is ${config.nodes}`);
  const numbers = Array.from({ length: config.nodes }, (_, i) => i + 1);
  return [...broken, ...devPortConflicts(config, numbers)];
}

export const devSchema: Schema<typeof devSettings> = {
  command: "dev",
  environmentPrefix: "MARCONI_DEV_",
  settings: devSettings,
  conflicts,
};
