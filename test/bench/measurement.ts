import { partitionOf } from "../../src/command/index.js";
import type { Cluster } from "../chaos/cluster.js";
import { deviceWrites } from "./device-writes.js";
import type { LoadGenerator } from "./load-generator.js";
import type { LoadResult } from "./load-protocol.js";
import { type ProcessUsage, usageOf } from "./process-usage.js";
import type { QueueAdmin } from "./queue-admin.js";
import { nameOf, type Scenario } from "./scenario.js";

/** What one process used while the load ran. */
export interface RoleUsage {
  readonly name: string;
  readonly role: "gateway" | "leader" | "follower" | "node";
  readonly cpuUs: number;
  readonly rssBytes: number;
}

export interface Measurement {
  readonly scenario: Scenario;
  readonly load: LoadResult;
  /** Posted, or deleted at the end of a full cycle. */
  readonly messages: number;
  readonly usage: readonly RoleUsage[];
  /** Bytes that the nodes put into their logs and checkpoints, by their own count. */
  readonly loggedBytes: number;
  /** Bytes that went to the device, whoever wrote them; undefined where nobody counts. */
  readonly deviceBytes: number | undefined;
}

/** One look at everything, when the time that is measured begins or ends. */
interface Look {
  readonly processes: readonly ProcessUsage[];
  readonly device: number | undefined;
  readonly logged: Promise<number>;
}

export interface Times {
  readonly warmupMs: number;
  readonly measureMs: number;
}

let runs = 0;

/** Queues spread over all partitions in turn, or one. */
function queueNames(count: number, partitions: number): string[] {
  runs += 1;
  const names: string[] = [];
  for (let i = 0; names.length < count; i++) {
    const name = `bench-${runs}-${i}`;
    if (partitionOf("", name, partitions) === names.length % partitions) names.push(name);
  }
  return names;
}

/** Runs one scenario on queues of its own, which are removed afterwards. */
export async function measure(
  cluster: Cluster,
  generator: LoadGenerator,
  admin: QueueAdmin,
  scenario: Scenario,
  times: Times,
): Promise<Measurement> {
  const queues = queueNames(scenario.queues, cluster.partitions);
  await admin.create(queues);
  const processes = [...cluster.nodes, "gateway"];
  const look = (): Look => ({
    processes: processes.map((name) => usageOf(cluster.pid(name))),
    device: deviceWrites(cluster.folder),
    logged: loggedBytes(cluster),
  });
  let before = look();
  let after = before;
  const leader = scenario.queues === 1 ? await leaderOf(cluster, queues[0] as string) : undefined;
  const load = await generator.run(
    {
      ...{ host: cluster.host, port: cluster.port, kind: scenario.kind, queues, connections: scenario.connections },
      ...{ messagesPerPost: scenario.perRequest, bodyBytes: scenario.bodyBytes, messagesMax: 0, ...times },
    },
    () => (before = look()),
    () => (after = look()),
  );
  if (leader !== undefined && leader !== (await leaderOf(cluster, queues[0] as string)))
    throw new Error(`${nameOf(scenario)}: the leader changed while it was measured`);
  await admin.remove(queues);
  const usage = processes.map((name, i): RoleUsage => {
    const [from, to] = [before.processes[i] as ProcessUsage, after.processes[i] as ProcessUsage];
    return { name, role: roleOf(name, leader), cpuUs: to.cpuUs - from.cpuUs, rssBytes: to.rssBytes };
  });
  return {
    ...{ scenario, load, messages: scenario.kind === "post" ? load.posted : load.deleted, usage },
    loggedBytes: (await after.logged) - (await before.logged),
    deviceBytes: after.device === undefined ? undefined : after.device - (before.device ?? 0),
  };
}

async function loggedBytes(cluster: Cluster): Promise<number> {
  let sum = 0;
  for (const node of cluster.nodes)
    for (const metric of ["marconi_log_written_bytes_total", "marconi_checkpoint_bytes_total"])
      sum += await cluster.metric(node, metric);
  return sum;
}

function roleOf(name: string, leader: string | undefined): RoleUsage["role"] {
  if (name === "gateway") return "gateway";
  if (leader === undefined) return "node";
  return name === leader ? "leader" : "follower";
}

async function leaderOf(cluster: Cluster, queue: string): Promise<string | undefined> {
  const partition = partitionOf("", queue, cluster.partitions);
  for (const node of cluster.nodes) if ((await cluster.ledBy(node)).includes(partition)) return node;
  throw new Error(`nobody leads partition ${partition}`);
}
