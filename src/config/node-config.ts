import { address, addressShape, type Member, memberShape, nodeId, optionalAddress } from "./address.js";
import { logLevel, partitions, replicationFactor, stopTimeoutMs, uuid } from "./common.js";
import type { ConfigOf, Schema } from "./schema.js";
import { flag, integer, list, text } from "./setting.js";

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
  listen: address({ fallback: "127.0.0.1:7101", doc: "Where the node listens for peers and gateways, over gRPC." }),
  advertise: optionalAddress({
    doc:
      "Where other nodes and gateways reach this node, if that is not where it listens. Nothing: its address in --members, " +
      "else --listen. When it has changed, the node tells the cluster at its next start.",
  }),
  members: list<Member>({
    fallback: [],
    of: memberShape,
    doc:
      "The founding members of the cluster, this node too, and where the others reach them; the same list on each of them. " +
      "It counts when a node is first started; later the data folder knows who is a member. Either this or --join is needed.",
  }),
  join: list<string>({
    fallback: [],
    of: addressShape,
    doc:
      "Addresses of any members, for a node that is not a founding one, or that has lost its disk: it asks them to take it in. " +
      "Two or more, so that one may be down. Once it is a member, its data folder knows the others.",
  }),
  replaceData: flag({
    doc:
      "For a data folder whose content is damaged: what is in it is moved into its folder quarantine-N, and the node joins " +
      "again as if its disk were new. Nothing is deleted. Needs --join; to be given for one start only.",
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
  clockSkewMaxMs: integer({
    fallback: 500,
    min: 50,
    max: 60_000,
    doc:
      "How far this machine's clock may be from the median of the cluster's, in milliseconds, before the node leads nothing. " +
      "Smaller: lifetimes of messages and claims are kept more exactly; too small, and a clock that is being set costs leaders.",
  }),
  leaseReads: flag({
    doc:
      "Leaders answer reads without asking the others, for 0.8 election timeouts after a majority answered a heartbeat. Spares a " +
      "round trip; but on a machine whose clock stands still while it is paused or moved, a read may be stale, and nodes " +
      "elect nobody for an election timeout after a start or a kill. The same on every node.",
  }),
  movesMax: integer({
    fallback: 4,
    min: 1,
    max: 64,
    doc:
      "Partitions that change their nodes at once, in the whole cluster. Larger: a node is filled or emptied sooner; moves " +
      "take more of the disks and the network from clients. The same on every node.",
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

/** Where others reach the node. */
export function advertisedAddress(config: Pick<NodeConfig, "nodeId" | "advertise" | "members" | "listen">): string {
  if (config.advertise !== "") return config.advertise;
  return config.members.find((member) => member.id === config.nodeId)?.address ?? config.listen;
}

function membershipConflicts(config: NodeConfig): string[] {
  const { members, join, nodeId: id } = config;
  if (members.length === 0 && join.length === 0)
    return [
      "either --members must be given, to found a cluster, or --join, to be taken in by one: " +
        `--members ${memberShape.form},... or --join ${addressShape.form},...`,
    ];
  const broken: string[] = [];
  const ids = members.map((member) => member.id);
  const addresses = members.map((member) => member.address);
  if (join.length === 0 && !ids.includes(id))
    broken.push(`--members does not name this node, "${id}"; a node that is not a founding one needs --join`);
  if (new Set(ids).size < ids.length) broken.push("--members names a node twice");
  if (new Set(addresses).size < addresses.length) broken.push("--members names an address twice");
  if (ids.length > 0 && config.replicationFactor > ids.length)
    broken.push(`--replication-factor ${config.replicationFactor} needs as many nodes; --members names ${ids.length}`);
  if (new Set(join).size < join.length) broken.push("--join names an address twice");
  const own = advertisedAddress(config);
  if (join.length > 0 && join.every((other) => other === own || other === config.listen))
    broken.push(`--join names only this node, ${own}: it must name others, that are members`);
  if (config.replaceData && join.length === 0)
    broken.push("--replace-data needs --join: the addresses of members that take the node in again");
  return broken;
}

function conflicts(config: NodeConfig): string[] {
  const broken = membershipConflicts(config);
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
