import { deriveSeed, Xoshiro128 } from "../../src/base/index.js";
import { partitionOf } from "../../src/command/index.js";
import { ProbeSweeper, ProbeWriter } from "./probe.js";
import { type ClientContext, RecordingClient } from "./recording-client.js";
import { Worker } from "./worker.js";

export interface LoadOptions {
  readonly partitions: number;
  readonly clients: number;
  readonly seed: number;
}

/** One queue per partition: the first of its kind that hashes there. */
function queuePerPartition(prefix: string, partitions: number): string[] {
  return Array.from({ length: partitions }, (_, partition) => {
    let i = 0;
    while (partitionOf("", `${prefix}-${i}`, partitions) !== partition) i++;
    return `${prefix}-${i}`;
  });
}

/** Everything that writes and reads during a run. */
export class Load {
  readonly probes: readonly ProbeWriter[];
  readonly queues: readonly string[];
  readonly clients: RecordingClient[] = [];
  readonly #sweepers: readonly ProbeSweeper[];
  readonly #workers: readonly Worker[];
  readonly #context: ClientContext;
  #running: readonly Promise<void>[] = [];

  constructor(options: LoadOptions, context: ClientContext) {
    this.#context = context;
    const work = queuePerPartition("work", options.partitions);
    const probed = queuePerPartition("probe", options.partitions);
    const volatileQueue = "volatile";
    this.queues = [...work, ...probed, volatileQueue];
    this.probes = probed.map((queue, i) => new ProbeWriter(i, queue, this.#client(`probe-${i}`)));
    this.#sweepers = [0, 1].map((i) => new ProbeSweeper(probed, this.#client(`sweeper-${i}`)));
    this.#workers = Array.from({ length: options.clients }, (_, i) => {
      const name = `worker-${i}`;
      const rng = new Xoshiro128(deriveSeed(options.seed, name));
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
