import path from "node:path";
import { deriveSeed, Xoshiro128 } from "../../src/base/index.js";
import { partitionOf } from "../../src/command/index.js";
import { HistoryChecker } from "../check/checker.js";
import { readHistory } from "../check/history.js";
import type { Verdict } from "../check/verdict.js";
import type { RunFacts } from "./checks.js";
import { Cluster } from "./cluster.js";
import { drain } from "./drain.js";
import type { ChaosFlags } from "./flags.js";
import { Nemesis } from "./nemesis.js";
import { outagesOf } from "./outage.js";
import { ProbeSweeper, ProbeWriter } from "./probe.js";
import { Recorder } from "./recorder.js";
import { type ClientContext, RecordingClient } from "./recording-client.js";
import { Tally } from "./tally.js";
import { Worker } from "./worker.js";

export const historyFile = (folder: string): string => path.join(folder, "history.ndjson");

/** One queue per partition: the first of its kind that hashes there. */
function queuePerPartition(prefix: string, partitions: number): string[] {
  return Array.from({ length: partitions }, (_, partition) => {
    let i = 0;
    while (partitionOf("", `${prefix}-${i}`, partitions) !== partition) i++;
    return `${prefix}-${i}`;
  });
}

/** Everything that writes and reads during a run. */
class Load {
  readonly probes: readonly ProbeWriter[];
  readonly queues: readonly string[];
  readonly clients: RecordingClient[] = [];
  readonly #sweepers: readonly ProbeSweeper[];
  readonly #workers: readonly Worker[];
  readonly #context: ClientContext;
  #running: readonly Promise<void>[] = [];

  constructor(flags: ChaosFlags, context: ClientContext) {
    this.#context = context;
    const work = queuePerPartition("work", flags.partitions);
    const probed = queuePerPartition("probe", flags.partitions);
    const volatileQueue = "volatile";
    this.queues = [...work, ...probed, volatileQueue];
    this.probes = probed.map((queue, i) => new ProbeWriter(i, queue, this.#client(`probe-${i}`)));
    this.#sweepers = [0, 1].map((i) => new ProbeSweeper(probed, this.#client(`sweeper-${i}`)));
    this.#workers = Array.from({ length: flags.clients }, (_, i) => {
      const name = `worker-${i}`;
      const rng = new Xoshiro128(deriveSeed(flags.seed, name));
      return new Worker({ client: this.#client(name), tally: context.tally, rng, name, queues: work, volatileQueue });
    });
  }

  async createQueues(): Promise<void> {
    const client = this.#client("maker");
    for (const queue of this.queues)
      if (!(await client.createQueue(queue))) throw new Error(`queue ${queue} could not be created`);
  }

  start(): void {
    for (const probe of this.probes) probe.start();
    this.#running = [...this.#sweepers, ...this.#workers].map((each) => each.run());
  }

  /** Resolves when every operation under way has ended. */
  async stop(): Promise<void> {
    for (const each of [...this.#sweepers, ...this.#workers]) each.stop();
    await Promise.all([...this.#running, ...this.probes.map((probe) => probe.stop())]);
  }

  close(): void {
    for (const client of this.clients) client.close();
  }

  #client(name: string): RecordingClient {
    const client = new RecordingClient(name, this.#context);
    this.clients.push(client);
    return client;
  }
}

export interface RunResult extends RunFacts {
  readonly left: number;
  /** Why the run did not come to its end; the history up to there is checked all the same. */
  readonly stuck: Error | undefined;
}

/** Starts a cluster in the folder, harms it under load, drains it, and judges the history. */
export async function runChaos(flags: ChaosFlags, folder: string, say: (line: string) => void): Promise<RunResult> {
  const { nodes, partitions } = flags;
  const cluster = await Cluster.start({ nodes, partitions, folder });
  const recorder = new Recorder(historyFile(folder));
  const tally = new Tally();
  const deaths: string[] = [];
  cluster.onUnexpectedEnd = (name, end) => {
    deaths.push(`${name} ended by itself after ${Math.round(end.ranMs)} ms: ${end.how}`);
    say(`     ${deaths.at(-1) ?? ""}`);
    if (deaths.length < DEATHS_MAX) cluster.launch(name);
  };
  const load = new Load(flags, { host: cluster.host, port: cluster.port, recorder, tally });
  const rng = new Xoshiro128(deriveSeed(flags.seed, "nemesis"));
  const { kinds, faults, durationMs, patient } = flags;
  const nemesis = new Nemesis({ cluster, recorder, rng, probes: load.probes, kinds, faults, durationMs, say });
  let left = 0;
  let stuck: Error | undefined;
  try {
    await load.createQueues();
    load.start();
    await nemesis.run();
    await load.stop();
    left = await drain({ clients: load.clients, queues: load.queues, recorder, patient });
  } catch (error) {
    stuck = error as Error;
    say(`     ${stuck.message}`);
    // With a cluster that does not come back, clients give up one by one.
    await load.stop();
  } finally {
    load.close();
    recorder.close();
    await cluster.close();
  }
  const verdict = await judge(historyFile(folder));
  const outages = outagesOf(nemesis.faults, load.probes);
  return { verdict, faults: nemesis.faults, faultsWanted: faults, outages, tally, deaths, patient, left, stuck };
}

/** A node that dies this often by itself is not started again. */
const DEATHS_MAX = 10;

async function judge(file: string): Promise<Verdict> {
  const checker = new HistoryChecker();
  for await (const record of readHistory(file)) checker.add(record);
  return checker.finish();
}
