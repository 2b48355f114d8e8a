import type { Rng } from "../../src/base/index.js";
import { MessageBatchWriter } from "../../src/command/index.js";
import {
  type ClaimId,
  MarconiError,
  type MessageId,
  type QueueService,
  type StoredMessage,
} from "../../src/contract/index.js";
import { nameOfBody, writeBody } from "./bodies.js";
import type { HistoryRecord, Timed } from "../check/history.js";
import { GatewayGone, type SimGateway } from "./sim-gateway.js";
import type { SimWorld } from "./sim-world.js";

const PROJECT = "project";

type Outcome = Timed["outcome"];

interface Answer<T> {
  readonly outcome: Outcome;
  /** The gateway sent something again meanwhile; maybe this. Of claims only. */
  readonly repeated: boolean;
  readonly value: T | undefined;
  readonly span: Pick<Timed, "invoke" | "complete" | "outcome">;
}

interface HeldClaim {
  readonly id: ClaimId;
  readonly queue: string;
  readonly messages: MessageId[];
}

const idOf = ({ incarnation, sequence }: MessageId): string => `${String(incarnation)}.${String(sequence)}`;
const claimIdOf = ({ index, ordinal }: ClaimId): string => `${String(index)}.${String(ordinal)}`;
const bodyOf = (message: StoredMessage): string => nameOfBody(message.body);

/** Clients that post, claim, delete and look, through gateways, and write down what they were told. */
export class Workload {
  readonly history: HistoryRecord[] = [];
  readonly queues: readonly string[];
  /** Messages posted last, by anybody. */
  readonly recent: { readonly queue: string; readonly id: MessageId }[] = [];
  readonly #sim: SimWorld;
  #posts = 0;
  #stopped = false;
  #busy = 0;

  constructor(sim: SimWorld) {
    this.#sim = sim;
    this.queues = Array.from({ length: sim.options.queues }, (_, i) => `q${String(i)}`);
  }

  /** Clients in the middle of an operation. */
  get busy(): number {
    return this.#busy;
  }

  start(): void {
    const { clients, workload } = this.#sim.options;
    for (let i = 0; i < clients; i++) this.#launch(new Client(this, this.#sim, `c${String(i)}`, i), false);
    for (let i = 0; i < workload.readers; i++) this.#launch(new Client(this, this.#sim, `r${String(i)}`, i), true);
  }

  /** No client begins another operation. */
  stop(): void {
    this.#stopped = true;
  }

  #launch(client: Client, readsOnly: boolean): void {
    this.#loop(client, readsOnly).catch((error: unknown) => {
      this.#sim.world.threw(undefined, error);
    });
  }

  async #loop(client: Client, readsOnly: boolean): Promise<void> {
    await client.pause();
    for (const queue of this.queues) await this.#exclusively(() => client.ensureQueue(queue));
    while (!this.#stopped) {
      await this.#exclusively(() => (readsOnly ? client.read() : client.step()));
      await client.pause();
    }
  }

  async #exclusively(act: () => Promise<void>): Promise<void> {
    if (this.#stopped) return;
    this.#busy++;
    await act();
    this.#busy--;
  }

  /** One client that posts once to each queue: true once all were accepted. */
  async postEverywhere(): Promise<boolean> {
    const client = new Client(this, this.#sim, "prober", 0);
    let all = true;
    for (const queue of this.queues) all = (await client.ensureAndPost(queue)) && all;
    return all;
  }

  /** Claims and deletes until nothing has been there for longer than any claim lasts; all queues beside each other. */
  async drain(): Promise<void> {
    this.history.push({ op: "drain", invoke: this.#sim.world.nowMs });
    await Promise.all(this.queues.map((queue, i) => new Client(this, this.#sim, `drain of ${queue}`, i).drain(queue)));
  }

  posted(queue: string, id: MessageId): void {
    this.recent.push({ queue, id });
    if (this.recent.length > 40) this.recent.shift();
  }

  /** A number that no message has. */
  nextMessage(): number {
    return ++this.#posts;
  }
}

class Client {
  readonly #workload: Workload;
  readonly #sim: SimWorld;
  readonly #name: string;
  readonly #home: number;
  readonly #rng: Rng;
  readonly #id: Uint8Array;
  readonly #known: { queue: string; id: MessageId }[] = [];
  #claims: HeldClaim[] = [];
  #pagings = 0;

  /** `home` chooses the gateway that it mostly uses, so that a gateway that is cut off does not hold up everybody. */
  constructor(workload: Workload, sim: SimWorld, name: string, home: number) {
    this.#workload = workload;
    this.#sim = sim;
    this.#name = name;
    this.#home = home;
    this.#rng = sim.world.rng(`client ${name}`);
    this.#id = new Uint8Array(16).map(() => this.#rng.between(0, 256));
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#sim.world.after(delayMs, undefined, resolve);
    });
  }

  pause(): Promise<void> {
    return this.sleep(-Math.log(1 - this.#rng.fraction()) * this.#sim.options.workload.thinkMs);
  }

  #pick<T>(values: readonly T[]): T {
    return values[this.#rng.between(0, values.length)] as T;
  }

  #gateway(): SimGateway {
    const { gateways } = this.#sim;
    const home = gateways[this.#home % gateways.length];
    if (home?.running === true && this.#rng.fraction() < 0.8) return home;
    const living = gateways.filter((gateway) => gateway.running);
    return this.#pick(living.length > 0 ? living : gateways);
  }

  // --- one operation

  /** `seesRepeats`: it matters whether something was sent again meanwhile, which costs a look at the router's counters. */
  async #call<T>(run: (service: QueueService) => Promise<T>, seesRepeats = false): Promise<Answer<T>> {
    const { world } = this.#sim;
    const invoke = world.nowMs;
    let outcome: Outcome = "ok";
    let value: T | undefined;
    const gateway = this.#gateway();
    const retriesBefore = seesRepeats ? gateway.retries : 0;
    try {
      value = await gateway.call(run);
    } catch (error) {
      outcome = this.#outcomeOf(error);
    }
    if (outcome === "unknown") world.coverage.add("unknownOutcomes");
    if (outcome === "fail") world.coverage.add("refusedOperations");
    world.trace(outcome === "ok" ? 1 : 2);
    // A moment later than the answer, so that what follows it is after it.
    await this.sleep(0.001);
    const repeated = seesRepeats && gateway.retries !== retriesBefore;
    return { outcome, repeated, value, span: { invoke, complete: world.nowMs, outcome } };
  }

  #outcomeOf(error: unknown): Outcome {
    if (error instanceof GatewayGone) return "unknown";
    if (!(error instanceof MarconiError) || error.code === "internal") {
      this.#sim.world.threw(undefined, error);
      return "unknown";
    }
    return error.definition.effect === "none" ? "fail" : "unknown";
  }

  #record(record: HistoryRecord): void {
    this.#workload.history.push(record);
    const { timeline } = this.#sim.world;
    if (timeline.kept) timeline.note(undefined, `client ${JSON.stringify(record)}`);
  }

  #of<T>(queue: string, answer: Answer<T>): Omit<Timed, never> {
    return { process: this.#name, queue, ...answer.span };
  }

  async ensureQueue(queue: string): Promise<void> {
    await this.#call((service) => service.createQueue(PROJECT, queue));
  }

  async ensureAndPost(queue: string): Promise<boolean> {
    const { outcome } = await this.#call((service) => service.createQueue(PROJECT, queue));
    return outcome === "ok" && (await this.post(queue)) === "ok";
  }

  async step(): Promise<void> {
    const queue = this.#pick(this.#workload.queues);
    const dice = this.#rng.fraction();
    if (dice < 0.4) await this.post(queue);
    else if (dice < 0.6) await this.#claim(queue);
    else if (dice < 0.85) await this.#settleClaim(queue);
    else if (dice < 0.9) await this.#page(queue);
    else if (dice < 0.94) await this.#get(this.#known);
    else if (dice < 0.96) await this.#stats(queue);
    else if (dice < 0.99) await this.#deleteFree();
    else if (this.#sim.options.workload.deletesQueues && this.#rng.fraction() < 0.3) await this.#recreate(queue);
    else await this.ensureQueue(queue);
  }

  async post(queue: string): Promise<Outcome> {
    const { batchMax, bodyBytesMax, shortLived } = this.#sim.options.workload;
    const writer = new MessageBatchWriter(64);
    const bodies: string[] = [];
    const ttlSec = this.#rng.fraction() < shortLived ? this.#rng.between(2, 8) : 86_400;
    const count = this.#rng.between(1, batchMax + 1);
    for (let i = 0; i < count; i++) {
      const body = writeBody(this.#workload.nextMessage(), this.#rng.between(0, bodyBytesMax));
      bodies.push(nameOfBody(body));
      writer.add(ttlSec, body);
    }
    const batch = writer.finish();
    const answer = await this.#call((service) => service.postMessages(PROJECT, queue, this.#id, batch));
    const posted = answer.value;
    // A queue that does not exist took nothing: a definite failure.
    const outcome = answer.outcome === "ok" && posted === undefined ? "fail" : answer.outcome;
    const ids: MessageId[] = [];
    for (let i = 0; i < (posted?.count ?? 0); i++)
      ids.push({ incarnation: posted?.incarnation ?? 0, sequence: (posted?.firstSequence ?? 0) + i });
    for (const id of ids.slice(0, 2)) this.#remember(queue, id);
    const [newest] = ids.slice(-1);
    if (newest !== undefined) this.#workload.posted(queue, newest);
    const base = { ...this.#of(queue, answer), op: "post", outcome, bodies, ttlSec } as const;
    this.#record(outcome === "ok" ? { ...base, ids: ids.map(idOf) } : base);
    return outcome;
  }

  #remember(queue: string, id: MessageId): void {
    this.#known.push({ queue, id });
    if (this.#known.length > 40) this.#known.shift();
  }

  async #claim(queue: string, limit = this.#rng.between(1, 6), ttlSec = 0): Promise<HeldClaim | undefined> {
    const ttl = ttlSec > 0 ? ttlSec : this.#rng.between(1, this.#sim.options.workload.claimTtlSecMax + 1);
    const graceSec = this.#rng.between(0, 3);
    const answer = await this.#call(
      (service) => service.createClaim(PROJECT, queue, { ttlSec: ttl, graceSec, limit }),
      true,
    );
    const claim = answer.value;
    const base = { ...this.#of(queue, answer), op: "claim", limit, ttlSec: ttl, graceSec } as const;
    if (claim === undefined) {
      // A repeat of a claim that made one and whose lease is over by now is answered with nothing.
      const { invoke, complete } = answer.span;
      const lapsed = complete - invoke >= ttl * 1_000 - 2 * this.#sim.options.clockOffsetMsMax;
      this.#record(answer.repeated && lapsed ? { ...base, outcome: "unknown" } : base);
      return undefined;
    }
    this.#record({
      ...base,
      // A repeat is answered with what is left of the claim: whether there was room for more is not known.
      limit: answer.repeated ? claim.messages.length : limit,
      claimId: claimIdOf(claim.id),
      ids: claim.messages.map(({ id }) => idOf(id)),
      bodies: claim.messages.map(bodyOf),
    });
    const held = { id: claim.id, queue, messages: claim.messages.map(({ id }) => id) };
    this.#claims.push(held);
    if (this.#claims.length > 8) this.#claims.shift();
    return held;
  }

  /** Goes on with a claim: delete its next message, mostly; or renew, release or forget it. */
  async #settleClaim(queue: string): Promise<void> {
    const held = this.#claims[this.#rng.between(0, Math.max(1, this.#claims.length))];
    if (held === undefined) {
      await this.#claim(queue);
      return;
    }
    const dice = this.#rng.fraction();
    if (dice < 0.1) await this.#renew(held);
    else if (dice < 0.2) await this.#release(held);
    else if (dice < 0.25) this.#forget(held);
    else await this.#deleteClaimed(held);
  }

  #forget(held: HeldClaim): void {
    this.#claims = this.#claims.filter((other) => other !== held);
  }

  async #renew(held: HeldClaim): Promise<void> {
    const ttlSec = this.#rng.between(1, this.#sim.options.workload.claimTtlSecMax + 1);
    const graceSec = this.#rng.between(0, 3);
    const answer = await this.#call((service) => service.renewClaim(PROJECT, held.queue, held.id, ttlSec, graceSec));
    const outcome = answer.value === false ? "fail" : answer.outcome;
    if (outcome === "ok") this.#sim.world.coverage.add("renewals");
    // "fail" says in a history that the claim does not hold, which an operation that nobody took does not.
    if (answer.outcome === "fail") return;
    this.#record({
      ...this.#of(held.queue, answer),
      op: "renew",
      outcome,
      claimId: claimIdOf(held.id),
      ttlSec,
      graceSec,
    });
  }

  async #release(held: HeldClaim): Promise<void> {
    this.#forget(held);
    const answer = await this.#call((service) => service.releaseClaim(PROJECT, held.queue, held.id));
    if (answer.outcome === "ok") this.#sim.world.coverage.add("releases");
    if (answer.outcome === "fail") return;
    this.#record({ ...this.#of(held.queue, answer), op: "release", claimId: claimIdOf(held.id) });
  }

  async #deleteClaimed(held: HeldClaim): Promise<void> {
    const id = held.messages.shift();
    if (id === undefined) {
      this.#forget(held);
      return;
    }
    await this.#deleteOne(held.queue, id, held.id);
  }

  async #deleteOne(queue: string, id: MessageId, claim: ClaimId | undefined): Promise<Outcome> {
    const answer = await this.#call((service) => service.deleteMessage(PROJECT, queue, id, claim));
    if (answer.outcome === "fail") return "fail";
    const refused = answer.value !== undefined && answer.value !== "deleted";
    if (refused) this.#sim.world.coverage.add("deletesRefusedByClaim");
    const outcome = refused ? "fail" : answer.outcome;
    const base = { ...this.#of(queue, answer), op: "delete", outcome, ids: [idOf(id)] } as const;
    this.#record(claim === undefined ? base : { ...base, claimId: claimIdOf(claim) });
    return outcome;
  }

  /** Deletes a message that it posted, by itself if it is free, or with others whatever holds them. */
  async #deleteFree(): Promise<void> {
    const known = this.#known.shift();
    if (known === undefined) return;
    const { queue, id } = known;
    if (this.#rng.fraction() < 0.5) {
      await this.#deleteOne(queue, id, undefined);
      return;
    }
    const ids = [id, ...this.#known.filter((other) => other.queue === queue).map((other) => other.id)].slice(0, 3);
    await this.#deleteAll(queue, ids);
  }

  async #deleteAll(queue: string, ids: readonly MessageId[]): Promise<void> {
    const answer = await this.#call((service) => service.deleteMessages(PROJECT, queue, ids));
    if (answer.outcome === "fail") return;
    this.#record({ ...this.#of(queue, answer), op: "delete", ids: ids.map(idOf) });
  }

  /** Pages through a queue from its start, a bounded number of pages. */
  async #page(queue: string): Promise<void> {
    const session = `${this.#name}-${String(++this.#pagings)}`;
    const includeClaimed = this.#rng.fraction() < 0.5;
    const limit = this.#rng.between(2, 21);
    let afterSequence = 0;
    for (let page = 0; page < 12; page++) {
      const after = afterSequence;
      const answer = await this.#call((service) =>
        service.listMessages(PROJECT, queue, { afterSequence: after, limit, includeClaimed, withoutClient: undefined }),
      );
      const messages = answer.value?.messages ?? [];
      this.#record({
        ...this.#of(queue, answer),
        op: "list",
        session,
        end: answer.outcome === "ok" && messages.length === 0,
        includeClaimed,
        ids: messages.map(({ id }) => idOf(id)),
        bodies: messages.map(bodyOf),
      });
      if (answer.outcome !== "ok" || messages.length === 0) return;
      afterSequence = answer.value?.nextMarker ?? after;
    }
  }

  /** A client that only looks: mostly at what was posted last, where a stale answer shows. */
  async read(): Promise<void> {
    const queue = this.#pick(this.#workload.queues);
    const dice = this.#rng.fraction();
    if (dice < 0.8) await this.#get(this.#workload.recent);
    else if (dice < 0.95) await this.#stats(queue);
    else await this.#page(queue);
  }

  async #get(from: readonly { readonly queue: string; readonly id: MessageId }[]): Promise<void> {
    const known = from[this.#rng.between(0, Math.max(1, from.length))];
    if (known === undefined) return;
    const { queue } = known;
    const ids = from.filter((other) => other.queue === queue).map(({ id }) => id);
    const answer = await this.#call((service) => service.getMessages(PROJECT, queue, ids));
    const found = answer.value ?? [];
    this.#record({
      ...this.#of(queue, answer),
      op: "get",
      asked: ids.map(idOf),
      ids: found.map(({ id }) => idOf(id)),
      bodies: found.map(bodyOf),
    });
  }

  async #stats(queue: string): Promise<void> {
    const answer = await this.#call((service) => service.queueStats(PROJECT, queue));
    if (answer.value === undefined) return;
    const { total, claimed } = answer.value;
    this.#record({ ...this.#of(queue, answer), op: "stats", total, claimed, free: total - claimed });
  }

  async #recreate(queue: string): Promise<void> {
    const answer = await this.#call((service) => service.deleteQueue(PROJECT, queue));
    if (answer.outcome !== "fail") this.#record({ ...this.#of(queue, answer), op: "delete-queue" });
    await this.ensureQueue(queue);
  }

  async drain(queue: string): Promise<void> {
    const { clockOffsetMsMax, workload } = this.#sim.options;
    const quietMs = workload.claimTtlSecMax * 1_000 + 2 * clockOffsetMsMax + 2_000;
    let lastSeenMs = this.#sim.world.nowMs;
    while (this.#sim.world.nowMs - lastSeenMs < quietMs) {
      const held = await this.#claim(queue, 20, 60);
      if (held === undefined) {
        await this.#stats(queue);
        await this.sleep(500);
        continue;
      }
      lastSeenMs = this.#sim.world.nowMs;
      const [first, ...rest] = held.messages;
      if (first !== undefined) await this.#deleteOne(queue, first, held.id);
      if (rest.length > 0) await this.#deleteAll(queue, rest);
    }
    await this.#page(queue);
  }
}
