import type { Command, CommandHeader, Query, Results } from "../../src/command/index.js";
import { readMessageBatch } from "../../src/command/index.js";
import type {
  ClaimId,
  DeleteOutcome,
  MessageId,
  MessageMark,
  MessagePage,
  QueueStats,
  StoredMessage,
} from "../../src/contract/index.js";

interface ModelMessage {
  readonly sequence: number;
  readonly client: string;
  readonly postedMs: number;
  readonly body: Uint8Array;
  ttlSec: number;
  expiryMs: number;
  claim: ModelClaim | undefined;
}

interface ModelClaim {
  readonly id: ClaimId;
  ttlSec: number;
  endMs: number;
}

interface ModelQueue {
  readonly project: string;
  readonly name: string;
  readonly incarnation: number;
  metadata: Uint8Array;
  nextSequence: number;
  messages: ModelMessage[];
}

interface ModelSession {
  lowWater: number;
  readonly results: Map<number, unknown>;
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const same = (a: ClaimId, b: ClaimId): boolean => a.index === b.index && a.ordinal === b.ordinal;

/**
 * The queue machine as one would explain it: plain arrays, everything searched, everything expired at once. It knows no
 * chunks, timers, checkpoints or bounds.
 */
export class Model {
  nowMs = 0;
  queues: ModelQueue[] = [];
  #incarnations = 0;
  readonly #sessions = new Map<number, ModelSession>();

  advance(nowMs: number): void {
    this.nowMs = Math.max(this.nowMs, nowMs);
    for (const queue of this.queues) {
      for (const message of queue.messages) if (!this.#alive(message.claim)) message.claim = undefined;
      queue.messages = queue.messages.filter((message) => message.expiryMs > this.nowMs);
    }
  }

  /** A copy that has lived until `nowMs`: what a query sees that is ahead of the log. */
  at(nowMs: number): Model {
    const copy = new Model();
    copy.nowMs = this.nowMs;
    copy.queues = this.queues.map((queue) => ({
      ...queue,
      messages: queue.messages.map((message) => ({ ...message })),
    }));
    copy.advance(nowMs);
    return copy;
  }

  /** "dropped" when nobody is answered. */
  apply(header: CommandHeader, command: Command, id: ClaimId): unknown {
    const session = this.#sessions.get(header.session) ?? { lowWater: 1, results: new Map<number, unknown>() };
    this.#sessions.set(header.session, session);
    session.lowWater = Math.max(session.lowWater, header.lowWater);
    for (const sequence of session.results.keys()) if (sequence < session.lowWater) session.results.delete(sequence);
    if (header.sequence < session.lowWater) return "dropped";
    if (session.results.has(header.sequence)) return this.#again(command, session.results.get(header.sequence));
    const result = this.#execute(command, id);
    session.results.set(header.sequence, result);
    return result;
  }

  query(query: Query): unknown {
    if (query.op === "list-queues") {
      const after = (queue: ModelQueue): boolean => queue.project === query.project && queue.name > query.marker;
      const page = this.queues.filter(after).sort((a, b) => (a.name < b.name ? -1 : 1));
      return page
        .slice(0, query.limit)
        .map((queue) => ({ name: queue.name, metadata: query.detailed ? queue.metadata : undefined }));
    }
    const queue = this.#find(query);
    switch (query.op) {
      case "get-queue":
        return queue?.metadata;
      case "queue-stats":
        return queue && this.#stats(queue);
      case "list-messages":
        return this.#list(queue, query);
      case "get-messages":
        return query.ids.flatMap((one) => {
          const message = queue && this.#message(queue, one);
          return queue && message ? [this.#view(queue, message)] : [];
        });
      case "get-claim": {
        const held = queue?.messages.filter((message) => message.claim && same(message.claim.id, query.claim)) ?? [];
        const claim = held[0]?.claim;
        if (queue === undefined || claim === undefined) return undefined;
        const ageSec = Math.floor((this.nowMs - (claim.endMs - claim.ttlSec * 1_000)) / 1_000);
        return { ttlSec: claim.ttlSec, ageSec, messages: held.map((message) => this.#view(queue, message)) };
      }
    }
  }

  /** All ids of messages and claims alive, for generators that want real ones. */
  ids(): { messages: MessageId[]; claims: ClaimId[] } {
    const messages: MessageId[] = [];
    const claims: ClaimId[] = [];
    for (const queue of this.queues) {
      for (const message of queue.messages) {
        messages.push({ incarnation: queue.incarnation, sequence: message.sequence });
        if (message.claim !== undefined) claims.push(message.claim.id);
      }
    }
    return { messages, claims };
  }

  /** A repeated claim is answered with what it still holds. */
  #again(command: Command, result: unknown): unknown {
    if (command.op !== "claim" || result === undefined) return result;
    const { id } = result as NonNullable<Results["claim"]>;
    for (const queue of this.queues) {
      const held = queue.messages.filter((message) => message.claim && same(message.claim.id, id));
      if (held.length > 0) return { id, messages: held.map((message) => this.#view(queue, message)) };
    }
    return undefined;
  }

  #execute(command: Command, id: ClaimId): unknown {
    const queue = this.#find(command);
    switch (command.op) {
      case "create-queue": {
        if (queue !== undefined) return { created: false };
        const { project, queue: name } = command;
        const incarnation = ++this.#incarnations;
        this.queues.push({ project, name, incarnation, metadata: Buffer.from("{}"), nextSequence: 1, messages: [] });
        return { created: true };
      }
      case "delete-queue":
        this.queues = this.queues.filter((one) => one !== queue);
        return true;
      case "set-metadata":
        if (queue !== undefined) queue.metadata = command.metadata;
        return queue !== undefined;
      case "post":
        return queue && this.#post(queue, command);
      case "delete-message":
        return queue === undefined ? "deleted" : this.#delete(queue, command.id, command.claim);
      case "delete-messages":
        for (const one of command.ids) if (queue !== undefined) this.#remove(queue, one);
        return true;
      case "claim":
        return queue && this.#claim(queue, command, id);
      case "renew-claim":
        return queue !== undefined && this.#renew(queue, command);
      case "release-claim":
        for (const message of queue?.messages ?? []) {
          if (message.claim && same(message.claim.id, command.claim)) message.claim = undefined;
        }
        return true;
    }
  }

  #post(queue: ModelQueue, command: Command & { op: "post" }): Results["post"] {
    const firstSequence = queue.nextSequence;
    for (const { ttlSec, body } of readMessageBatch(command.batch)) {
      const expiryMs = this.nowMs + ttlSec * 1_000;
      const sequence = queue.nextSequence++;
      const client = text(command.clientId);
      queue.messages.push({ sequence, client, postedMs: this.nowMs, body, ttlSec, expiryMs, claim: undefined });
    }
    return { incarnation: queue.incarnation, firstSequence, count: queue.nextSequence - firstSequence };
  }

  #delete(queue: ModelQueue, id: MessageId, claim: ClaimId | undefined): DeleteOutcome {
    const message = this.#message(queue, id);
    if (message === undefined) return "deleted";
    if (claim !== undefined) {
      if (!queue.messages.some((one) => one.claim && same(one.claim.id, claim))) return "claim-gone";
      if (message.claim === undefined) return "not-claimed";
      if (!same(message.claim.id, claim)) return "claimed";
    } else if (message.claim !== undefined) return "claimed";
    this.#remove(queue, id);
    return "deleted";
  }

  #claim(queue: ModelQueue, command: Command & { op: "claim" }, id: ClaimId): Results["claim"] {
    const free = queue.messages.filter((message) => message.claim === undefined).slice(0, command.limit);
    if (free.length === 0) return undefined;
    const claim = { id, ttlSec: command.ttlSec, endMs: this.nowMs + command.ttlSec * 1_000 };
    for (const message of free) this.#hold(message, claim, command.graceSec);
    return { id, messages: free.map((message) => this.#view(queue, message)) };
  }

  #renew(queue: ModelQueue, command: Command & { op: "renew-claim" }): boolean {
    const held = queue.messages.filter((message) => message.claim && same(message.claim.id, command.claim));
    const claim = held[0]?.claim;
    if (claim === undefined) return false;
    claim.ttlSec = command.ttlSec;
    claim.endMs = this.nowMs + command.ttlSec * 1_000;
    for (const message of held) this.#hold(message, claim, command.graceSec);
    return true;
  }

  #hold(message: ModelMessage, claim: ModelClaim, graceSec: number): void {
    message.claim = claim;
    if (message.expiryMs >= claim.endMs) return;
    message.expiryMs = claim.endMs + graceSec * 1_000;
    message.ttlSec = claim.ttlSec + graceSec;
  }

  #list(queue: ModelQueue | undefined, query: Query & { op: "list-messages" }): MessagePage {
    if (queue === undefined) return { messages: [], nextMarker: undefined };
    const page = queue.messages
      .filter((message) => message.sequence > query.afterSequence)
      .filter((message) => query.includeClaimed || message.claim === undefined)
      .filter((message) => query.withoutClient === undefined || message.client !== text(query.withoutClient))
      .slice(0, query.limit);
    const messages = page.map((message) => this.#view(queue, message));
    return { messages, nextMarker: page.at(-1)?.sequence ?? query.afterSequence };
  }

  #stats(queue: ModelQueue): QueueStats {
    const mark = (message: ModelMessage | undefined): MessageMark | undefined =>
      message && {
        id: { incarnation: queue.incarnation, sequence: message.sequence },
        ageSec: Math.floor((this.nowMs - message.postedMs) / 1_000),
        createdMs: message.postedMs,
      };
    const claimed = queue.messages.filter((message) => message.claim !== undefined).length;
    const { messages } = queue;
    return { total: messages.length, claimed, oldest: mark(messages[0]), newest: mark(messages.at(-1)) };
  }

  #view(queue: ModelQueue, message: ModelMessage): StoredMessage {
    return {
      id: { incarnation: queue.incarnation, sequence: message.sequence },
      ttlSec: message.ttlSec,
      ageSec: Math.floor((this.nowMs - message.postedMs) / 1_000),
      claim: message.claim?.id,
      body: Buffer.from(message.body),
    };
  }

  #message(queue: ModelQueue, id: MessageId): ModelMessage | undefined {
    if (id.incarnation !== queue.incarnation) return undefined;
    return queue.messages.find((message) => message.sequence === id.sequence);
  }

  #remove(queue: ModelQueue, id: MessageId): void {
    const gone = this.#message(queue, id);
    queue.messages = queue.messages.filter((message) => message !== gone);
  }

  #find(address: { project: string; queue: string }): ModelQueue | undefined {
    return this.queues.find((queue) => queue.project === address.project && queue.name === address.queue);
  }

  #alive(claim: ModelClaim | undefined): boolean {
    return claim !== undefined && claim.endMs > this.nowMs;
  }
}
