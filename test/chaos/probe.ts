import type { MessageBody } from "./message-body.js";
import type { RecordingClient } from "./recording-client.js";

/** How often each partition is written to, whatever became of the writes before: outages are known to about this. */
const PERIOD_MS = 20;
/** Writes of one partition under way at once; while that many wait, a next one would tell nothing new. */
const UNDER_WAY_MAX = 3;
const TTL_SEC = 3_600;

export interface Probe {
  readonly invoke: number;
  readonly complete: number;
  readonly ok: boolean;
}

/** Writes one message after the other to one partition, by the clock, and remembers how each fared. */
export class ProbeWriter {
  readonly partition: number;
  readonly probes: Probe[] = [];
  readonly #queue: string;
  readonly #client: RecordingClient;
  readonly #underWay = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #written = 0;

  constructor(partition: number, queue: string, client: RecordingClient) {
    this.partition = partition;
    this.#queue = queue;
    this.#client = client;
  }

  start(): void {
    this.#timer = setInterval(() => this.#tick(), PERIOD_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#underWay);
  }

  /** True when a write that began at `sinceMs` or later has been acknowledged. */
  servedSince(sinceMs: number): boolean {
    return this.probes.findLastIndex((probe) => probe.ok && probe.invoke >= sinceMs) >= 0;
  }

  #tick(): void {
    if (this.#underWay.size >= UNDER_WAY_MAX) return;
    const write = this.#write().finally(() => this.#underWay.delete(write));
    this.#underWay.add(write);
  }

  async #write(): Promise<void> {
    const invoke = performance.now();
    const body: MessageBody = { k: `probe-${this.partition}-${++this.#written}`, p: "" };
    const ids = await this.#client.post(this.#queue, [body], TTL_SEC);
    this.probes.push({ invoke, complete: performance.now(), ok: ids !== undefined });
  }
}

/** Takes away what probes have written, so that it does not pile up. */
export class ProbeSweeper {
  readonly #queues: readonly string[];
  readonly #client: RecordingClient;
  #stopped = false;

  constructor(queues: readonly string[], client: RecordingClient) {
    this.#queues = queues;
    this.#client = client;
  }

  stop(): void {
    this.#stopped = true;
  }

  async run(): Promise<void> {
    for (let turn = 0; !this.#stopped; turn++) {
      const queue = this.#queues[turn % this.#queues.length] as string;
      const claim = await this.#client.claim(queue, 20, 60, 60);
      if (claim === undefined) await new Promise((resolve) => setTimeout(resolve, 5));
      else
        await this.#client.deleteAll(
          queue,
          claim.messages.map((message) => message.id),
        );
    }
  }
}
