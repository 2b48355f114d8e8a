import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ExitCode } from "../exit-code.js";
import type { Terminal } from "../terminal.js";
import { Backoff } from "./backoff.js";
import { type ClusterPlan, stopTimeoutMs } from "./cluster-plan.js";
import { LogTail } from "./log-tail.js";
import { ManagedProcess, type ProcessEnd, type ProcessPlan } from "./managed-process.js";
import { leadCount, probe } from "./readiness.js";

/** The supervisor waits a little longer than a process is told to, so that the process can say itself what held it up. */
const KILL_AFTER_MS = stopTimeoutMs + 1_000;
const PROBE_PERIOD_MS = 100;
const TAIL_PERIOD_MS = 250;
/** How long to wait until every partition has a leader before telling how many have. */
const LEADERS_WAIT_MS = 5_000;
/** A process that is not ready after this long is mentioned, once per start. */
const SLOW_START_MS = 30_000;

export interface SupervisorOptions {
  readonly plan: ClusterPlan;
  /** The JavaScript file that every process runs. */
  readonly entry: string;
  readonly terminal: Terminal;
  /** Told whenever a process starts or ends. */
  readonly onProcesses: (pids: ReadonlyMap<string, number>) => void;
  /** True for a node that was removed from its cluster: it is not missed. Asked when one ends by itself. */
  readonly isFormer: (name: string, end: ProcessEnd, stopping: AbortSignal) => Promise<boolean>;
  /** Aborted: stop everything in order. */
  readonly stop: AbortSignal;
  /** Aborted: no time for order. */
  readonly kill: AbortSignal;
}

interface Keeper {
  readonly plan: ProcessPlan;
  readonly tail: LogTail;
  current: ManagedProcess | undefined;
  /** It has been ready at least once: from then on a death is an accident. */
  hasServed: boolean;
  /** It was removed from the cluster. */
  isFormer: boolean;
}

/** Runs the processes of a cluster, tells how they fare, starts again what dies, and stops them in order. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #nodes: Keeper[];
  readonly #gateway: Keeper;
  readonly #columns: number;
  /** Aborted when a process cannot be started at all: then there is nothing to keep up. */
  readonly #hopeless = new AbortController();
  readonly #stopping: AbortSignal;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#stopping = AbortSignal.any([options.stop, this.#hopeless.signal]);
    this.#nodes = options.plan.nodes.map((plan) => this.#keeper(plan));
    this.#gateway = this.#keeper(options.plan.gateway);
    this.#columns = options.plan.gateway.name.length + 2;
  }

  /** Resolves when everything has ended. `onReady` is called once, when requests are served. */
  async run(onReady: () => void): Promise<ExitCode> {
    const all = [...this.#nodes, this.#gateway];
    const tail = setInterval(() => {
      for (const keeper of all) if (keeper.current !== undefined) keeper.tail.read();
    }, TAIL_PERIOD_MS);
    const killAll = (): void => {
      for (const keeper of all) keeper.current?.kill();
    };
    this.#options.kill.addEventListener("abort", killAll);
    const kept = all.map((keeper) => this.#keep(keeper));
    void this.#announce(onReady);
    await aborted(this.#stopping);
    clearInterval(tail);
    // The gateway first: what it has accepted is finished while there are nodes to finish it.
    await this.#stop(this.#gateway);
    await Promise.all(this.#nodes.map((keeper) => this.#stop(keeper)));
    await Promise.all(kept);
    return this.#hopeless.signal.aborted ? ExitCode.failed : ExitCode.ok;
  }

  #keeper(plan: ProcessPlan): Keeper {
    fs.mkdirSync(path.dirname(plan.logFile), { recursive: true });
    const tail = new LogTail(plan.logFile, (text) => this.#warn(plan.name, text));
    return { plan, tail, current: undefined, hasServed: false, isFormer: false };
  }

  /** Starts a process, and starts it again whenever it dies, until everything stops. */
  async #keep(keeper: Keeper): Promise<void> {
    const backoff = new Backoff();
    while (!this.#isStopping()) {
      const run = new ManagedProcess(keeper.plan, this.#options.entry);
      keeper.current = run;
      this.#reportProcesses();
      this.#say(keeper.plan.name, `starting, process ${run.pid ?? "none"}`);
      void this.#watchStart(keeper, run);
      const end = await run.ended;
      keeper.current = undefined;
      this.#reportProcesses();
      if (this.#isStopping()) return;
      keeper.tail.read();
      if (!(await this.#afterDeath(keeper, end, backoff))) return;
    }
  }

  /** Waits until the process should be started again; false when it should not. */
  async #afterDeath(keeper: Keeper, end: ProcessEnd, backoff: Backoff): Promise<boolean> {
    const { name, logFile } = keeper.plan;
    if (keeper !== this.#gateway && (await this.#options.isFormer(name, end, this.#stopping))) {
      keeper.isFormer = true;
      this.#say(name, "was removed from the cluster and is not started any more");
      return false;
    }
    if (this.#isStopping()) return false;
    const words = keeper.tail.lastWords();
    const why = `${end.how}${words === "" ? "" : `: ${words}`}`;
    if (!keeper.hasServed) {
      this.#warn(name, `did not start (${why}); its log is ${logFile}`);
      this.#hopeless.abort();
      return false;
    }
    const delayMs = backoff.nextDelayMs(end.ranMs);
    if (delayMs === undefined || end.code === ExitCode.usage || end.code === ExitCode.refused) {
      this.#warn(name, `died again (${why}) and is not started any more; its log is ${logFile}`);
      return false;
    }
    this.#warn(name, `died (${why}); starts again in ${delayMs / 1_000} s`);
    await sleep(delayMs, undefined, { signal: this.#stopping }).catch(() => undefined);
    return true;
  }

  async #watchStart(keeper: Keeper, run: ManagedProcess): Promise<void> {
    const sinceMs = performance.now();
    let slow = false;
    while (!run.hasEnded && !this.#isStopping()) {
      const ready = await probe(keeper.plan.readyUrl);
      const tookMs = performance.now() - sinceMs;
      if (ready) {
        keeper.hasServed = true;
        this.#say(keeper.plan.name, `ready after ${(tookMs / 1_000).toFixed(1)} s`);
        return;
      }
      if (tookMs > SLOW_START_MS && !slow) {
        slow = true;
        this.#warn(keeper.plan.name, `not ready after ${SLOW_START_MS / 1_000} s; its log is ${keeper.plan.logFile}`);
      }
      await sleep(PROBE_PERIOD_MS);
    }
  }

  async #announce(onReady: () => void): Promise<void> {
    const all = [...this.#nodes, this.#gateway];
    while (!this.#isStopping()) {
      if (all.every((keeper) => keeper.hasServed || keeper.isFormer)) {
        await this.#tellLeaders();
        onReady();
        return;
      }
      await sleep(PROBE_PERIOD_MS);
    }
  }

  /** Who leads how many partitions, once all are led. */
  async #tellLeaders(): Promise<void> {
    const sinceMs = performance.now();
    for (;;) {
      const nodes = this.#nodes.filter(({ isFormer }) => !isFormer);
      const counts = await Promise.all(nodes.map(({ plan }) => leadCount(plan.metricsUrl)));
      const led = counts.reduce<number>((sum, count) => sum + (count ?? 0), 0);
      if (led < this.#options.plan.partitions && performance.now() - sinceMs < LEADERS_WAIT_MS && !this.#isStopping()) {
        await sleep(PROBE_PERIOD_MS);
        continue;
      }
      const each = nodes.map(({ plan }, i) => `${plan.name} ${counts[i] ?? "?"}`).join(", ");
      this.#say("leaders", `${each} of ${this.#options.plan.partitions} partitions`);
      return;
    }
  }

  async #stop(keeper: Keeper): Promise<void> {
    const run = keeper.current;
    if (run === undefined) return;
    const inOrder = await run.stop(KILL_AFTER_MS);
    if (inOrder) this.#say(keeper.plan.name, "stopped");
    else this.#warn(keeper.plan.name, `did not stop within ${KILL_AFTER_MS / 1_000} s and was killed`);
  }

  #isStopping(): boolean {
    return this.#stopping.aborted;
  }

  #reportProcesses(): void {
    const pids = new Map<string, number>();
    for (const { plan, current } of [...this.#nodes, this.#gateway])
      if (current?.pid !== undefined) pids.set(plan.name, current.pid);
    this.#options.onProcesses(pids);
  }

  #say(name: string, text: string): void {
    this.#options.terminal.say(`${name.padEnd(this.#columns)}${text}`);
  }

  #warn(name: string, text: string): void {
    this.#options.terminal.warn(`${name.padEnd(this.#columns)}${text}`);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
