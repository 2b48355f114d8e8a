import { address, type Member, memberShape, nodeId } from "./address.js";
import { logLevel, partitions, replicationFactor, stopTimeoutMs, uuid } from "./common.js";
import type { ConfigOf, Schema } from "./schema.js";
import { integer, list, text } from "./setting.js";

const nodeSettings = {
  nodeId: nodeId({
    doc: "The node's name in its cluster. It is written into the data folder and checked at every start.",
  }),
  clusterId: uuid({
    doc: "The cluster's identity. Nodes and gateways of another cluster are refused, and so is a data folder of one.",
  }),
  dataDir: text({
    form: "a folder",
    pattern: /./,
    doc: "Where everything durable is kept. One node per folder; a folder in use is refused.",
  }),
  listen: address({ fallback: "127.0.0.1:7101", doc: "Where peers and gateways reach the node over gRPC." }),
  members: list<Member>({
    of: memberShape,
    doc: "All nodes of the cluster, this one too, and where the others reach them; the same list on every node.",
  }),
  partitions: partitions(),
  replicationFactor: replicationFactor(),
  metricsPort: integer({
    fallback: 9101,
    min: 1,
    max: 65_535,
    doc: "Port of /metrics, /health and /ready, on the host of --listen.",
  }),
  tickMs: integer({
    fallback: 50,
    min: 5,
    max: 1_000,
    doc: "The unit of all consensus timing, in milliseconds. Smaller: finer timing, more wake-ups.",
  }),
  heartbeatTicks: integer({
    fallback: 2,
    min: 1,
    max: 100,
    doc: "Ticks between a leader's heartbeats. Smaller: a lost leader is noticed sooner; more idle traffic.",
  }),
  electionTicks: integer({
    fallback: 20,
    min: 5,
    max: 1_000,
    doc:
      "Base E of the election timeout, drawn from E to 2E ticks. At least 5 heartbeats. Smaller: shorter outage when a " +
      "machine vanishes; too small for the worst event-loop delay, and leaders change for nothing.",
  }),
  segmentMib: integer({
    fallback: 64,
    min: 1,
    max: 1_024,
    doc: "Size of a log segment, which is preallocated and recycled. Smaller: less disk for a start; more files to change over.",
  }),
  checkpointLogMib: integer({
    fallback: 32,
    min: 1,
    max: 4_096,
    doc:
      "Log of one partition that may pile up before its state is checkpointed. Smaller: quicker restarts and less log on " +
      "disk; more is written.",
  }),
  drainMs: integer({
    fallback: 5_000,
    min: 0,
    max: 600_000,
    doc:
      "How long a node that stops tries to hand its leaderships over, in milliseconds. Smaller: quicker stops; what is not " +
      "handed over is without a leader until the others notice.",
  }),
  stopTimeoutMs: stopTimeoutMs(),
  logLevel: logLevel(),
};

export type NodeConfig = ConfigOf<typeof nodeSettings>;

function conflicts(config: NodeConfig): string[] {
  const broken: string[] = [];
  const ids = config.members.map((member) => member.id);
  const addresses = config.members.map((member) => member.address);
  if (!ids.includes(config.nodeId)) broken.push(`--members does not name this node, "${config.nodeId}"`);
  if (new Set(ids).size < ids.length) broken.push("--members names a node twice");
  if (new Set(addresses).size < addresses.length) broken.push("--members names an address twice");
  if (config.replicationFactor > ids.length)
    broken.push(`--replication-factor ${config.replicationFactor} needs as many nodes; --members names ${ids.length}`);
  if (config.electionTicks < 5 * config.heartbeatTicks)
    broken.push("--election-ticks must be at least 5 times --heartbeat-ticks");
  if (config.drainMs >= config.stopTimeoutMs) broken.push("--drain-ms must be less than --stop-timeout-ms");
  return broken;
}

export const nodeSchema: Schema<typeof nodeSettings> = {
  command: "node",
  environmentPrefix: "MARCONI_",
  settings: nodeSettings,
  conflicts,
};
