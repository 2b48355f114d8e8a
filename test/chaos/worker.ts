import { setTimeout as sleep } from "node:timers/promises";
import type { Rng } from "../../src/base/index.js";
import type { MessageBody } from "./message-body.js";
import type { HeldClaim, RecordingClient } from "./recording-client.js";
import type { Tally } from "./tally.js";

export interface WorkerContext {
  readonly client: RecordingClient;
  readonly tally: Tally;
  readonly rng: Rng;
  /** Names bodies; unique in the run. */
  readonly name: string;
  readonly queues: readonly string[];
  /** A queue that is deleted and made again now and then. */
  readonly volatileQueue: string;
}

/** Beyond this many waiting messages nobody posts more: the drain at the end must come to an end. */
const WAITING_MAX = 20_000;
const MESSAGE_TTL_SEC = 3_600;
/** The shortest that the API takes: such messages expire during a long run. */
const SHORT_TTL_SEC = 60;
const CLAIM_TTL_SEC = 60;
const GRACE_SEC = 60;
const CLAIM_MAX = 20;
const PAGES_MAX = 200;
const KNOWN_MAX = 200;
const PAUSE_MS_MAX = 20;

/** One simulated client that does a bit of everything, chosen by its own stream of randomness, until it is told to stop. */
export class Worker {
  readonly #context: WorkerContext;
  /** Some messages that were acknowledged here, to be read or deleted by id. */
  readonly #known: { readonly queue: string; readonly id: string }[] = [];
  #bodies = 0;
  #stopped = false;

  constructor(context: WorkerContext) {
    this.#context = context;
  }

  stop(): void {
    this.#stopped = true;
  }

  async run(): Promise<void> {
    while (!this.#stopped) {
      await this.#act(this.#context.rng.fraction());
      await sleep(this.#context.rng.between(0, PAUSE_MS_MAX));
    }
  }

  async #act(choice: number): Promise<void> {
    const { client, rng, volatileQueue } = this.#context;
    const queue = rng.fraction() < 0.03 ? volatileQueue : this.#anyOf(this.#context.queues);
    if (choice < 0.4) await this.#post(queue);
    else if (choice < 0.78) await this.#work(queue);
    else if (choice < 0.86) await this.#read();
    else if (choice < 0.9) await this.#deleteKnown();
    else if (choice < 0.94) await client.list(queue, rng.fraction() < 0.7, PAGES_MAX);
    else if (choice < 0.99) await client.stats(queue);
    else if (choice < 0.995) await this.#remakeVolatile();
  }

  async #post(queue: string): Promise<void> {
    const { client, rng, tally } = this.#context;
    if (tally.waiting > WAITING_MAX) return;
    const size = rng.fraction();
    const count = size < 0.6 ? 1 : size < 0.95 ? rng.between(2, 21) : rng.between(50, 101);
    const bodies = Array.from({ length: count }, () => this.#body());
    const ttlSec = rng.fraction() < 0.05 ? SHORT_TTL_SEC : MESSAGE_TTL_SEC;
    const ids = await client.post(queue, bodies, ttlSec);
    if (ids === undefined) return;
    tally.waiting += ids.length;
    this.#known.push({ queue, id: ids[rng.between(0, ids.length)] as string });
    if (this.#known.length > KNOWN_MAX) this.#known.shift();
  }

  #body(): MessageBody {
    const { name, rng } = this.#context;
    return { k: `${name}-${++this.#bodies}`, p: "~".repeat(rng.between(0, 300)) };
  }

  /** Claims, and does with the claim what workers do: all of it, half of it, too late, or never. */
  async #work(queue: string): Promise<void> {
    const { client, rng } = this.#context;
    const claim = await client.claim(queue, rng.between(1, CLAIM_MAX + 1), CLAIM_TTL_SEC, GRACE_SEC);
    if (claim === undefined) return;
    const plan = rng.fraction();
    if (plan < 0.03) return;
    if (plan < 0.1) return client.release(queue, claim.id);
    if (plan < 0.2 && !(await client.renew(queue, claim.id, CLAIM_TTL_SEC, GRACE_SEC))) return;
    if (plan < 0.6) await this.#deleteOneByOne(queue, claim);
    else if (await client.deleteAll(queue, claimIds(claim))) this.#gone(claim.messages.length);
    // Nothing is left of the claim, or of its first half.
    if (plan < 0.3) await client.release(queue, claim.id);
  }

  async #deleteOneByOne(queue: string, claim: HeldClaim): Promise<void> {
    const { client, rng } = this.#context;
    const wanted = rng.fraction() < 0.2 ? Math.ceil(claim.messages.length / 2) : claim.messages.length;
    for (const { id } of claim.messages.slice(0, wanted))
      if (await client.deleteOne(queue, id, claim.id)) this.#gone(1);
    if (wanted < claim.messages.length) await client.release(queue, claim.id);
  }

  async #read(): Promise<void> {
    if (this.#known.length === 0) return;
    const { queue } = this.#anyOf(this.#known);
    const ids = this.#known.filter((known) => known.queue === queue).map((known) => known.id);
    await this.#context.client.get(queue, ids.slice(0, CLAIM_MAX));
  }

  /** Without a claim: refused when somebody works on it. */
  async #deleteKnown(): Promise<void> {
    const known = this.#known.pop();
    if (known !== undefined && (await this.#context.client.deleteOne(known.queue, known.id))) this.#gone(1);
  }

  async #remakeVolatile(): Promise<void> {
    const { client, volatileQueue } = this.#context;
    await client.deleteQueue(volatileQueue);
    await client.createQueue(volatileQueue);
  }

  #gone(count: number): void {
    this.#context.tally.waiting -= count;
  }

  #anyOf<T>(items: readonly T[]): T {
    return items[this.#context.rng.between(0, items.length)] as T;
  }
}

function claimIds(claim: HeldClaim): string[] {
  return claim.messages.map((message) => message.id);
}
