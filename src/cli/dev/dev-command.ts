import fs from "node:fs";
import path from "node:path";
import { type DevConfig, StartRefusal } from "../../config/index.js";
import { ExitCode } from "../exit-code.js";
import { SAME_SIGNAL_MS } from "../same-signal.js";
import type { Terminal } from "../terminal.js";
import {
  checkFolder,
  type ClusterFile,
  type DevSources,
  livingNumbers,
  nodeName,
  openCluster,
  recordRemoval,
  removeCluster,
  saveCluster,
} from "./cluster-file.js";
import { planCluster } from "./cluster-plan.js";
import { DataLock } from "./data-lock.js";
import { isFormerMember } from "./former-member.js";
import { checkPorts } from "./port-check.js";
import { Supervisor } from "./supervisor.js";

/** A node that refuses to start may have been removed; others know it, but perhaps they are just starting. */
const REMOVAL_PATIENCE_MS = 10_000;

export interface DevOptions {
  readonly config: DevConfig;
  readonly sources: DevSources;
  readonly version: string;
  /** The JavaScript file that every process runs. */
  readonly entry: string;
  readonly terminal: Terminal;
}

/** `marconi dev`: a whole cluster on this machine, until Ctrl-C. */
export async function runDev(options: DevOptions): Promise<ExitCode> {
  const { terminal, config } = options;
  const folder = path.resolve(config.data);
  try {
    checkFolder(folder);
    const lock = await DataLock.take(folder, (reason) => terminal.warn(reason));
    try {
      if (config.reset) removeCluster(folder);
      const cluster = openCluster(folder, config, options.sources);
      await checkPorts(config, livingNumbers(cluster));
      saveCluster(folder, cluster);
      return await superviseCluster(options, folder, cluster, lock);
    } finally {
      lock.release();
    }
  } catch (error) {
    if (!(error instanceof StartRefusal)) throw error;
    for (const line of error.message.split("\n")) terminal.warn(`marconi: ${line}`);
    return ExitCode.refused;
  }
}

async function superviseCluster(
  options: DevOptions,
  folder: string,
  cluster: ClusterFile,
  lock: DataLock,
): Promise<ExitCode> {
  const { terminal, config } = options;
  const plan = planCluster(folder, cluster, config);
  terminal.say(
    `Marconi ${options.version}: ${count(plan.nodes.length, "node")}, ${count(cluster.partitions, "partition")}, ` +
      `${count(cluster.replicationFactor, "copy", "copies")} of every message, data in ${config.data}`,
  );
  const fresh = joining(folder, cluster);
  if (fresh.length > 0) terminal.say(`new, and asking the others to be taken in: ${fresh.join(", ")}`);
  const stop = new AbortController();
  const kill = new AbortController();
  // A terminal that is gone does not keep the cluster from being stopped in order.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => stop.abort());
  const onSignal = stopper(terminal, stop, kill);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal);
  try {
    const supervisor = new Supervisor({
      plan,
      entry: options.entry,
      terminal,
      onProcesses: (pids) => lock.setChildren(pids),
      isFormer: async (name, { code }, signal) => {
        const addresses = plan.members.filter(({ id }) => id !== name).map(({ address }) => address);
        const patienceMs = code === ExitCode.refused ? REMOVAL_PATIENCE_MS : 0;
        const isFormer = await isFormerMember({ name, clusterId: cluster.clusterId, addresses, patienceMs, signal });
        if (isFormer) recordRemoval(folder, name);
        return isFormer;
      },
      stop: stop.signal,
      kill: kill.signal,
    });
    const code = await supervisor.run(() => {
      for (const line of invitation(plan.url, config)) terminal.say(line);
    });
    terminal.say(code === ExitCode.ok ? "all stopped" : "the cluster could not be started");
    return code;
  } finally {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.off(signal, onSignal);
  }
}

/** Nodes that are started for the first time in a cluster that others founded. */
function joining(folder: string, cluster: ClusterFile): string[] {
  return livingNumbers(cluster)
    .filter((number) => number > cluster.founders)
    .map(nodeName)
    .filter((name) => !fs.existsSync(path.join(folder, name)));
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}

function stopper(terminal: Terminal, stop: AbortController, kill: AbortController): () => void {
  let firstMs: number | undefined;
  return () => {
    if (firstMs === undefined) {
      firstMs = performance.now();
      terminal.say("\nstopping, gateway first; once more to end everything at once");
      stop.abort();
    } else if (performance.now() - firstMs > SAME_SIGNAL_MS) kill.abort();
  };
}

/** What to try first. Every line works as it stands. */
export function invitation(url: string, config: Pick<DevConfig, "host" | "metricsBasePort">): string[] {
  return [
    "",
    `The gateway listens on ${url}. Try:`,
    "",
    `  curl -i -X PUT ${url}/v1/queues/demo`,
    `  curl -i -X POST ${url}/v1/queues/demo/messages \\`,
    `    -H 'Content-Type: application/json' -H 'Client-ID: 3381af92-2b9e-11e3-b191-71861300734c' \\`,
    `    -d '[{"ttl": 300, "body": {"hello": "world"}}]'`,
    "",
    `Metrics: http://${config.host}:${config.metricsBasePort}/metrics. Ctrl-C stops the cluster; its messages stay.`,
    "",
  ];
}
