import { readMessageBatch } from "../../src/command/index.js";
import type {
  ClaimId,
  ClaimOptions,
  ClaimView,
  DeleteOutcome,
  ListMessagesOptions,
  MessageBatch,
  MessageId,
  MessageMark,
  MessagePage,
  NewClaim,
  PostedMessages,
  QueueEntry,
  QueueService,
  QueueStats,
  StoredMessage,
} from "../../src/contract/index.js";

interface Message {
  readonly sequence: number;
  readonly ttlSec: number;
  readonly body: Uint8Array;
  readonly client: string;
  readonly postedMs: number;
  expiresMs: number;
  shownTtlSec: number;
  claim: Claim | undefined;
}

interface Claim {
  readonly id: ClaimId;
  ttlSec: number;
  startedMs: number;
}

interface Queue {
  readonly incarnation: number;
  metadata: Uint8Array;
  nextSequence: number;
  messages: Message[];
}

/**
 * A cluster in one object: simple, slow and right by section 4 of the contract. Time stands still unless it is told to pass;
 * `failWith` makes the next calls fail, `delayMs` makes them slow.
 */
export class FakeService implements QueueService {
  nowMs = Date.UTC(2026, 0, 2, 3, 4, 5);
  health = true;
  failWith: Error | undefined;
  delayMs = 0;
  calls = 0;
  readonly #queues = new Map<string, Queue>();
  #incarnations = 0;
  #claims = 0;

  pass(seconds: number): void {
    this.nowMs += seconds * 1_000;
  }

  async createQueue(project: string, queue: string): Promise<boolean> {
    await this.#enter();
    const key = keyOf(project, queue);
    if (this.#queues.has(key)) return false;
    const metadata = Buffer.from("{}");
    this.#queues.set(key, { incarnation: ++this.#incarnations, metadata, nextSequence: 1, messages: [] });
    return true;
  }

  async queueExists(project: string, queue: string): Promise<boolean> {
    await this.#enter();
    return this.#queues.has(keyOf(project, queue));
  }

  async deleteQueue(project: string, queue: string): Promise<void> {
    await this.#enter();
    this.#queues.delete(keyOf(project, queue));
  }

  async getMetadata(project: string, queue: string): Promise<Uint8Array | undefined> {
    await this.#enter();
    return this.#queues.get(keyOf(project, queue))?.metadata;
  }

  async setMetadata(project: string, queue: string, metadata: Uint8Array): Promise<boolean> {
    await this.#enter();
    const found = this.#queues.get(keyOf(project, queue));
    if (found !== undefined) found.metadata = Uint8Array.from(metadata);
    return found !== undefined;
  }

  async listQueues(project: string, marker: string, limit: number, detailed: boolean): Promise<QueueEntry[]> {
    await this.#enter();
    const prefix = keyOf(project, "");
    return [...this.#queues]
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, queue]) => ({ name: key.slice(prefix.length), metadata: detailed ? queue.metadata : undefined }))
      .filter(({ name }) => Buffer.compare(Buffer.from(name), Buffer.from(marker)) > 0)
      .sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)))
      .slice(0, limit);
  }

  async queueStats(project: string, queue: string): Promise<QueueStats | undefined> {
    const found = await this.#open(project, queue);
    if (found === undefined) return undefined;
    const { messages } = found;
    return {
      total: messages.length,
      claimed: messages.filter((message) => this.#liveClaim(message) !== undefined).length,
      oldest: this.#mark(found, messages[0]),
      newest: this.#mark(found, messages.at(-1)),
    };
  }

  async postMessages(
    project: string,
    queue: string,
    clientId: Uint8Array,
    batch: MessageBatch,
  ): Promise<PostedMessages | undefined> {
    const found = await this.#open(project, queue);
    if (found === undefined) return undefined;
    const firstSequence = found.nextSequence;
    for (const { ttlSec, body } of readMessageBatch(batch)) {
      found.messages.push({
        sequence: found.nextSequence++,
        ttlSec,
        body: Uint8Array.from(body),
        client: Buffer.from(clientId).toString("hex"),
        postedMs: this.nowMs,
        expiresMs: this.nowMs + ttlSec * 1_000,
        shownTtlSec: ttlSec,
        claim: undefined,
      });
    }
    return { incarnation: found.incarnation, firstSequence, count: batch.count };
  }

  async listMessages(project: string, queue: string, options: ListMessagesOptions): Promise<MessagePage> {
    const found = await this.#open(project, queue);
    if (found === undefined) return { messages: [], nextMarker: undefined };
    const without =
      options.withoutClient === undefined ? undefined : Buffer.from(options.withoutClient).toString("hex");
    const page = found.messages
      .filter((message) => message.sequence > options.afterSequence && message.client !== without)
      .filter((message) => options.includeClaimed || this.#liveClaim(message) === undefined)
      .slice(0, options.limit);
    return {
      messages: page.map((message) => this.#show(found, message)),
      nextMarker: page.at(-1)?.sequence ?? options.afterSequence,
    };
  }

  async getMessages(project: string, queue: string, ids: readonly MessageId[]): Promise<StoredMessage[]> {
    const found = await this.#open(project, queue);
    if (found === undefined) return [];
    return ids
      .map((id) => this.#message(found, id))
      .filter((message) => message !== undefined)
      .map((message) => this.#show(found, message));
  }

  async deleteMessage(
    project: string,
    queue: string,
    id: MessageId,
    claim: ClaimId | undefined,
  ): Promise<DeleteOutcome> {
    const found = await this.#open(project, queue);
    const message = found === undefined ? undefined : this.#message(found, id);
    if (found === undefined || message === undefined) return "deleted";
    const holder = this.#liveClaim(message);
    if (claim !== undefined) {
      if (this.#claim(found, claim) === undefined) return "claim-gone";
      if (holder === undefined) return "not-claimed";
      if (!sameClaim(holder.id, claim)) return "claimed";
    } else if (holder !== undefined) return "claimed";
    found.messages = found.messages.filter((other) => other !== message);
    return "deleted";
  }

  async deleteMessages(project: string, queue: string, ids: readonly MessageId[]): Promise<void> {
    const found = await this.#open(project, queue);
    if (found === undefined) return;
    const gone = new Set(ids.map((id) => this.#message(found, id)));
    found.messages = found.messages.filter((message) => !gone.has(message));
  }

  async createClaim(project: string, queue: string, options: ClaimOptions): Promise<NewClaim | undefined> {
    const found = await this.#open(project, queue);
    if (found === undefined) return undefined;
    const free = found.messages.filter((message) => this.#liveClaim(message) === undefined).slice(0, options.limit);
    if (free.length === 0) return undefined;
    const claim: Claim = { id: { index: ++this.#claims, ordinal: 0 }, ttlSec: 0, startedMs: 0 };
    for (const message of free) message.claim = claim;
    this.#renew(free, claim, options.ttlSec, options.graceSec);
    return { id: claim.id, messages: free.map((message) => this.#show(found, message)) };
  }

  async getClaim(project: string, queue: string, id: ClaimId): Promise<ClaimView | undefined> {
    const found = await this.#open(project, queue);
    const claim = found === undefined ? undefined : this.#claim(found, id);
    if (found === undefined || claim === undefined) return undefined;
    const held = found.messages.filter((message) => message.claim === claim);
    return {
      ttlSec: claim.ttlSec,
      ageSec: Math.floor((this.nowMs - claim.startedMs) / 1_000),
      messages: held.map((message) => this.#show(found, message)),
    };
  }

  async renewClaim(project: string, queue: string, id: ClaimId, ttlSec: number, graceSec: number): Promise<boolean> {
    const found = await this.#open(project, queue);
    const claim = found === undefined ? undefined : this.#claim(found, id);
    if (found === undefined || claim === undefined) return false;
    this.#renew(
      found.messages.filter((message) => message.claim === claim),
      claim,
      ttlSec,
      graceSec,
    );
    return true;
  }

  async releaseClaim(project: string, queue: string, id: ClaimId): Promise<void> {
    const found = await this.#open(project, queue);
    const claim = found === undefined ? undefined : this.#claim(found, id);
    if (claim === undefined) return;
    for (const message of found?.messages ?? []) if (message.claim === claim) message.claim = undefined;
  }

  healthy(): boolean {
    return this.health;
  }

  async #enter(): Promise<void> {
    this.calls++;
    if (this.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, this.delayMs).unref());
    if (this.failWith !== undefined) throw this.failWith;
  }

  async #open(project: string, queue: string): Promise<Queue | undefined> {
    await this.#enter();
    const found = this.#queues.get(keyOf(project, queue));
    if (found !== undefined) found.messages = found.messages.filter((message) => message.expiresMs > this.nowMs);
    return found;
  }

  #message(queue: Queue, id: MessageId): Message | undefined {
    return id.incarnation === queue.incarnation
      ? queue.messages.find((message) => message.sequence === id.sequence)
      : undefined;
  }

  #liveClaim({ claim }: Message): Claim | undefined {
    return claim !== undefined && claim.startedMs + claim.ttlSec * 1_000 > this.nowMs ? claim : undefined;
  }

  #claim(queue: Queue, id: ClaimId): Claim | undefined {
    return queue.messages
      .map((message) => this.#liveClaim(message))
      .find((claim) => claim !== undefined && sameClaim(claim.id, id));
  }

  #renew(messages: readonly Message[], claim: Claim, ttlSec: number, graceSec: number): void {
    claim.ttlSec = ttlSec;
    claim.startedMs = this.nowMs;
    for (const message of messages) {
      if (message.expiresMs >= this.nowMs + ttlSec * 1_000) continue;
      message.shownTtlSec = ttlSec + graceSec;
      message.expiresMs = this.nowMs + message.shownTtlSec * 1_000;
    }
  }

  #show(queue: Queue, message: Message): StoredMessage {
    return {
      id: { incarnation: queue.incarnation, sequence: message.sequence },
      ttlSec: message.shownTtlSec,
      ageSec: Math.floor((this.nowMs - message.postedMs) / 1_000),
      claim: this.#liveClaim(message)?.id,
      body: message.body,
    };
  }

  #mark(queue: Queue, message: Message | undefined): MessageMark | undefined {
    if (message === undefined) return undefined;
    const { id, ageSec } = this.#show(queue, message);
    return { id, ageSec, createdMs: message.postedMs };
  }
}

function keyOf(project: string, queue: string): string {
  return `${project}\0${queue}`;
}

function sameClaim(a: ClaimId, b: ClaimId): boolean {
  return a.index === b.index && a.ordinal === b.ordinal;
}
