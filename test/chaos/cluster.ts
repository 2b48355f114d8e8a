import { randomUUID } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type ClusterPlan, planCluster } from "../../src/cli/dev/cluster-plan.js";
import { ManagedProcess, type ProcessEnd, type ProcessPlan } from "../../src/cli/dev/managed-process.js";
import { probe } from "../../src/cli/dev/readiness.js";
import { devReplicationFactor, devSchema, resolve } from "../../src/config/index.js";
import { freePorts } from "../support/free-ports.js";
import { freezeBuild } from "./frozen-build.js";

const READY_MS_MAX = 60_000;
const STOP_MS_MAX = 15_000;
const METRICS_TIMEOUT_MS = 2_000;

export interface ClusterOptions {
  /** Founding members, n1 and so on. */
  readonly nodes: number;
  /** Nodes that there may be one day, joined ones included; default: the founding members. */
  readonly nodesMax?: number;
  readonly partitions: number;
  /** An empty folder for data and logs. */
  readonly folder: string;
}

/** How a node is started that is no founding member, or whose disk is new: the same, but for whom it asks. */
function joining(plan: ProcessPlan, addresses: readonly string[]): ProcessPlan {
  const args = [...plan.args];
  const at = args.indexOf("--members");
  if (at < 0) throw new Error(`${plan.name} is not started with --members`);
  args.splice(at, 2, "--join", addresses.join(","));
  return { ...plan, args };
}

function listenAddress({ name, args }: ProcessPlan): string {
  const address = args[args.indexOf("--listen") + 1];
  if (address === undefined) throw new Error(`${name} does not listen`);
  return address;
}

/**
 * A real cluster, the processes that `npm start` would run and with the same flags, but without a supervisor: they are killed,
 * paused and started again by whoever holds this. Whatever happens, no process outlives it: they are killed when this process
 * exits, and stop by themselves when it is killed.
 */
export class Cluster {
  readonly host: string;
  readonly port: number;
  readonly folder: string;
  readonly partitions: number;
  /** Called when a process ends that nobody killed or stopped. */
  onUnexpectedEnd: (name: string, end: ProcessEnd) => void = () => undefined;
  readonly #entry: string;
  readonly #gateway: ProcessPlan;
  /** Of the nodes that are in the cluster now, or about to be. */
  readonly #nodes: Map<string, ProcessPlan>;
  /** Of every node that there may be, started as a founding member. */
  readonly #possible: ReadonlyMap<string, ProcessPlan>;
  readonly #running = new Map<string, ManagedProcess>();
  readonly #expected = new WeakSet<ManagedProcess>();
  readonly #leaving = new Set<string>();
  readonly #killAtExit = (): void => {
    for (const running of this.#running.values()) running.kill();
  };

  private constructor(plan: ClusterPlan, possible: readonly ProcessPlan[], options: ClusterOptions) {
    const { hostname, port } = new URL(plan.url);
    this.host = hostname;
    this.port = Number(port);
    this.folder = options.folder;
    this.#entry = freezeBuild(options.folder);
    this.partitions = options.partitions;
    this.#gateway = plan.gateway;
    this.#nodes = new Map(plan.nodes.map((each) => [each.name, each]));
    this.#possible = new Map(possible.map((each) => [each.name, each]));
    // First of all: others may want to remove what the processes write to.
    process.prependOnceListener("exit", this.#killAtExit);
  }

  /** Resolves when the cluster serves. Throws, with the ends of all logs, when it does not within a minute. */
  static async start(options: ClusterOptions): Promise<Cluster> {
    const { nodes, nodesMax = nodes, partitions, folder } = options;
    const port = await freePorts(2 * (nodesMax + 1) + 1);
    const flags = { nodes: String(nodes), partitions: String(partitions), port: String(port) };
    const bases = { basePort: String(port), metricsBasePort: String(port + nodesMax + 1) };
    const { config } = resolve(devSchema, { ...flags, ...bases }, {});
    const identity = { kind: "marconi-dev-cluster", format: 1, clusterId: randomUUID() } as const;
    const file = { ...identity, nodes, partitions, replicationFactor: devReplicationFactor(config) };
    fs.mkdirSync(path.join(folder, "logs"), { recursive: true });
    const where = path.resolve(folder);
    const possible = planCluster(where, { ...file, nodes: nodesMax }, config).nodes;
    const cluster = new Cluster(planCluster(where, file, config), possible, options);
    try {
      for (const name of [...cluster.nodes, "gateway"]) cluster.launch(name);
      for (const name of [...cluster.nodes, "gateway"]) await cluster.ready(name);
    } catch (error) {
      await cluster.close();
      throw new Error(`${String(error)}\n${cluster.logs()}`, { cause: error });
    }
    return cluster;
  }

  /** In the order in which they came. */
  get nodes(): readonly string[] {
    return [...this.#nodes.keys()];
  }

  /** host:port where a node listens. */
  address(node: string): string {
    return listenAddress(this.#plan(node));
  }

  /** Marconi's own commands, run as an operator runs them. */
  get entry(): string {
    return this.#entry;
  }

  /** Starts a new node, which asks the others to take it in. */
  join(name: string): void {
    const plan = this.#possible.get(name);
    if (plan === undefined || this.#nodes.has(name)) throw new Error(`${name} cannot be a new node`);
    this.#nodes.set(name, joining(plan, this.#addressesBut(name)));
    this.launch(name);
  }

  /** The disk of a node that does not run is lost; it is to ask the others to take it in again. */
  wipe(name: string): void {
    if (this.isRunning(name)) throw new Error(`${name} runs`);
    const plan = this.#possible.get(name);
    if (plan === undefined || !this.#nodes.has(name)) throw new Error(`${name} is not in the cluster`);
    fs.rmSync(path.join(this.folder, name), { recursive: true });
    this.#nodes.set(name, joining(plan, this.#addressesBut(name)));
  }

  /** From now on a node may end by itself: it is being removed from the cluster. */
  expectEnd(name: string): void {
    this.#leaving.add(name);
  }

  isLeaving(name: string): boolean {
    return this.#leaving.has(name);
  }

  /** Ends a node that was removed from the cluster, if it has not ended by itself, and forgets it. */
  async forget(name: string): Promise<void> {
    this.#nodes.delete(name);
    await this.stop(name);
    this.#running.delete(name);
    this.#leaving.delete(name);
  }

  #addressesBut(name: string): string[] {
    return [...this.#nodes].filter(([other]) => other !== name).map(([, plan]) => listenAddress(plan));
  }

  /** Starts a process that does not run. */
  launch(name: string): void {
    if (this.isRunning(name)) throw new Error(`${name} runs already`);
    const started = new ManagedProcess(this.#plan(name), this.#entry);
    this.#running.set(name, started);
    void started.ended.then((end) => {
      if (!this.#expected.has(started) && !this.#leaving.has(name)) this.onUnexpectedEnd(name, end);
    });
  }

  /** Resolves with the milliseconds it took until the process says that it is ready. */
  async ready(name: string, timeoutMs = READY_MS_MAX): Promise<number> {
    const sinceMs = performance.now();
    while (!(await probe(this.#plan(name).readyUrl))) {
      if (!this.isRunning(name)) throw new Error(`${name} ended instead of becoming ready`);
      if (performance.now() - sinceMs > timeoutMs) throw new Error(`${name} is not ready after ${timeoutMs} ms`);
      await sleep(10);
    }
    return performance.now() - sinceMs;
  }

  isRunning(name: string): boolean {
    return this.#running.get(name)?.hasEnded === false;
  }

  pid(name: string): number {
    const pid = this.#running.get(name)?.pid;
    if (pid === undefined) throw new Error(`${name} does not run`);
    return pid;
  }

  /** SIGKILL. Resolves when the process is gone. */
  async kill(name: string): Promise<void> {
    const running = this.#running.get(name);
    if (running === undefined) return;
    this.#expected.add(running);
    running.kill();
    await running.ended;
  }

  /** SIGTERM, and time to stop in order. False when it had to be killed. */
  async stop(name: string): Promise<boolean> {
    const running = this.#running.get(name);
    if (running === undefined) return true;
    this.#expected.add(running);
    return running.stop(STOP_MS_MAX);
  }

  /** SIGSTOP: the process is there, its ports accept, but it does nothing. */
  pause(name: string): void {
    process.kill(this.pid(name), "SIGSTOP");
  }

  resume(name: string): void {
    process.kill(this.pid(name), "SIGCONT");
  }

  /** The partitions that a node leads and serves, by its own metrics; none when it does not answer. */
  async ledBy(name: string): Promise<number[]> {
    const metrics = await this.#metrics(name);
    return [...metrics.matchAll(/^marconi_raft_is_leader\{[^}]*partition="(\d+)"[^}]*\} 1$/gm)].map((match) =>
      Number(match[1]),
    );
  }

  /** The sum of all samples of a metric, as a process tells it now; 0 when it tells nothing. */
  async metric(name: string, metric: string): Promise<number> {
    return (await this.samples(name, metric)).reduce((sum, value) => sum + value, 0);
  }

  /** The values of all samples of a metric, as a process tells them now; none when it tells nothing. */
  async samples(name: string, metric: string): Promise<number[]> {
    const metrics = await this.#metrics(name);
    return metrics
      .split("\n")
      .filter((line) => line.startsWith(metric) && /^(\{| )/.test(line.slice(metric.length)))
      .map((line) => Number(line.slice(line.lastIndexOf(" ") + 1)));
  }

  isReady(name: string): Promise<boolean> {
    return probe(this.#plan(name).readyUrl);
  }

  async #metrics(name: string): Promise<string> {
    try {
      const signal = AbortSignal.timeout(METRICS_TIMEOUT_MS);
      return await (await fetch(this.#plan(name).metricsUrl, { signal })).text();
    } catch {
      // Not listening, or too busy to answer: it says nothing.
      return "";
    }
  }

  /** The end of every process's log. */
  logs(charsPerLog = 4_000): string {
    return [...this.#possible.values(), this.#gateway]
      .filter((plan) => fs.existsSync(plan.logFile))
      .map((plan) => `--- ${plan.name}\n${fs.readFileSync(plan.logFile, "utf8").slice(-charsPerLog)}`)
      .join("\n");
  }

  /** Ends every process at once. */
  async close(): Promise<void> {
    await Promise.all([...this.#running.keys()].map((name) => this.kill(name)));
    process.removeListener("exit", this.#killAtExit);
  }

  #plan(name: string): ProcessPlan {
    const plan = name === this.#gateway.name ? this.#gateway : this.#nodes.get(name);
    if (plan === undefined) throw new Error(`the cluster has no ${name}`);
    return plan;
  }
}
