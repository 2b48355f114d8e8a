import type {
  ClaimRecord,
  DeleteRecord,
  GetRecord,
  HistoryRecord,
  ListRecord,
  PostRecord,
  QueueRecord,
  ReleaseRecord,
  RenewRecord,
  StatsRecord,
  Timed,
} from "./history.js";
import type { Counts, Violations } from "./verdict.js";

export type Interval = Pick<Timed, "process" | "invoke" | "complete" | "outcome">;

export interface Post extends Interval {
  readonly ttlMs: number;
  readonly messages: Message[];
}

export interface Renewal extends Interval {
  readonly ttlMs: number;
  readonly graceMs: number;
}

/** A claim that was answered with messages. */
export interface Claim extends Interval {
  readonly id: string;
  readonly queue: string;
  readonly limit: number;
  readonly ttlMs: number;
  readonly graceMs: number;
  readonly messages: readonly Message[];
  readonly renewals: Renewal[];
  readonly releases: Interval[];
}

/** All that is known of one message; a constant number of fields however often it was read. */
export interface Message {
  readonly body: string;
  readonly queue: string;
  id: string | undefined;
  post: Post | undefined;
  /** Place in its post. */
  position: number;
  readonly claims: Claim[];
  /** The first moment at which it may have been deleted. */
  deletableFrom: number;
  /** From here on it is deleted for certain. */
  deletedBy: number;
  deleteRefused: boolean;
  /** The latest invoke of an operation that returned it, and which one that was. */
  sightedAt: number;
  sightedBy: string;
  /** It is lost or broke the rules of identity; what follows from that is not told again. */
  tainted: boolean;
}

/** A client was told that its claim does not hold this message (or at all). */
export interface Denial {
  readonly record: RenewRecord | DeleteRecord;
  readonly claim: Claim;
  readonly message: Message | undefined;
}

/** A claim that had no message to give, or whose answer never came. */
export interface EmptyClaim extends Interval {
  readonly limit: number;
  readonly ttlMs: number;
  readonly graceMs: number;
}

export interface Paging {
  readonly name: string;
  readonly includeClaimed: boolean;
  from: number;
  to: number;
  ended: boolean;
  /** A page failed: nothing can be said about completeness. */
  broken: boolean;
  readonly messages: Message[];
}

/** What a reader asked for by id and did not get. */
export interface Miss extends Interval {
  readonly message: Message;
}

export interface QueueLedger {
  readonly name: string;
  readonly messages: Message[];
  readonly claims: Claim[];
  readonly emptyClaims: EmptyClaim[];
  readonly unknownClaims: EmptyClaim[];
  readonly pagings: Map<string, Paging>;
  readonly misses: Miss[];
  readonly stats: StatsRecord[];
  readonly deletions: Interval[];
  /** Ids of messages and claims mean something within their queue only. */
  readonly byId: Map<string, Message>;
  readonly claimsById: Map<string, Claim>;
}

const interval = ({ process, invoke, complete, outcome }: Timed): Interval => ({ process, invoke, complete, outcome });

/** Takes records in any order in which a client's own follow each other, and gathers them by message, claim and queue. */
export class Ledger {
  readonly queues = new Map<string, QueueLedger>();
  readonly denials: Denial[] = [];
  readonly counts: Counts;
  /** When the drain began; undefined while it has not. */
  drainFrom: number | undefined;
  lastComplete = 0;
  readonly #byBody = new Map<string, Message>();
  readonly #violations: Violations;

  constructor(violations: Violations, counts: Counts) {
    this.#violations = violations;
    this.counts = counts;
  }

  add(record: HistoryRecord): void {
    if (record.op === "fault") return;
    if (record.op === "drain") {
      this.drainFrom = record.invoke;
      return;
    }
    this.counts.operations += 1;
    if (record.outcome === "fail") this.counts.failed += 1;
    if (record.outcome === "unknown") this.counts.unknown += 1;
    this.lastComplete = Math.max(this.lastComplete, record.complete);
    this.#addToQueue(record, this.#queue(record.queue));
  }

  messages(): Iterable<Message> {
    return this.#byBody.values();
  }

  #addToQueue(record: QueueRecord, queue: QueueLedger): void {
    switch (record.op) {
      case "post":
        this.#post(record, queue);
        break;
      case "claim":
        this.#claim(record, queue);
        break;
      case "renew":
        this.#renew(record, queue);
        break;
      case "release":
        this.#release(record, queue);
        break;
      case "delete":
        this.#delete(record, queue);
        break;
      case "list":
        this.#list(record, queue);
        break;
      case "get":
        this.#get(record, queue);
        break;
      case "stats":
        if (record.outcome === "ok") queue.stats.push(record);
        break;
      case "delete-queue":
        if (record.outcome !== "fail") queue.deletions.push(interval(record));
    }
  }

  #queue(name: string): QueueLedger {
    let queue = this.queues.get(name);
    if (queue === undefined) {
      queue = {
        ...{ name, messages: [], claims: [], emptyClaims: [], unknownClaims: [] },
        ...{ pagings: new Map<string, Paging>(), misses: [], stats: [], deletions: [] },
        ...{ byId: new Map<string, Message>(), claimsById: new Map<string, Claim>() },
      };
      this.queues.set(name, queue);
    }
    return queue;
  }

  #message(body: string, queue: QueueLedger): Message {
    const known = this.#byBody.get(body);
    if (known !== undefined) return known;
    const message: Message = {
      body,
      queue: queue.name,
      id: undefined,
      post: undefined,
      position: 0,
      claims: [],
      deletableFrom: Infinity,
      deletedBy: Infinity,
      deleteRefused: false,
      sightedAt: -Infinity,
      sightedBy: "",
      tainted: false,
    };
    this.#byBody.set(body, message);
    queue.messages.push(message);
    return message;
  }

  #post(record: PostRecord, queue: QueueLedger): void {
    const { bodies, ids, outcome } = record;
    const post: Post = { ...interval(record), ttlMs: record.ttlSec * 1_000, messages: [] };
    for (const body of bodies) {
      const message = this.#message(body, queue);
      if (message.post !== undefined) throw new Error(`body ${body} was posted twice: the history is not usable`);
      message.post = post;
      message.position = post.messages.length;
      post.messages.push(message);
    }
    if (outcome === "unknown") this.counts.undetermined += bodies.length;
    if (outcome !== "ok") return;
    this.counts.acknowledged += bodies.length;
    if (ids?.length !== bodies.length)
      this.#violations.add("Q6", queue.name, `a post of ${bodies.length} was answered with ${ids?.length ?? 0} ids`);
    for (const [i, message] of post.messages.entries()) {
      const id = ids?.[i];
      if (id !== undefined) this.#name(message, id, queue);
    }
  }

  /** Ties an id to a message; both must be new or know each other. */
  #name(message: Message, id: string, queue: QueueLedger): void {
    const known = queue.byId.get(id);
    if (known === message && message.id === id) return;
    if (known !== undefined && known !== message) {
      message.tainted = true;
      known.tainted = true;
      const what = `id ${id} names two messages, ${known.body} and ${message.body}`;
      this.#violations.add("Q6", message.queue, what);
      return;
    }
    queue.byId.set(id, message);
    if (message.id !== undefined && message.id !== id) {
      message.tainted = true;
      this.#violations.add("Q6", message.queue, `message ${message.body} has two ids, ${message.id} and ${id}`);
    } else message.id = id;
  }

  /** One message in an answer. */
  #see(body: string, id: string, record: Timed, queue: QueueLedger, by: string): Message {
    let message = this.#message(body, queue);
    if (message.queue !== queue.name) {
      message.tainted = true;
      const what = `message ${message.body} (id ${id}) of queue ${message.queue} came out of ${by} of ${queue.name}`;
      this.#violations.add("Q2", queue.name, what);
    }
    const named = queue.byId.get(id);
    if (named !== undefined && named !== message && message.id === undefined) {
      this.#violations.add("Q2", queue.name, `id ${id} was delivered with body ${body}, not ${named.body}, by ${by}`);
      message.tainted = true;
      named.tainted = true;
      message = named;
    } else this.#name(message, id, queue);
    if (record.invoke > message.sightedAt) {
      message.sightedAt = record.invoke;
      message.sightedBy = by;
    }
    return message;
  }

  #claim(record: ClaimRecord, queue: QueueLedger): void {
    const { claimId, ids = [], bodies = [], limit } = record;
    const span = {
      ...interval(record),
      ...{ limit, ttlMs: record.ttlSec * 1_000, graceMs: record.graceSec * 1_000 },
    };
    if (record.outcome === "unknown") queue.unknownClaims.push(span);
    if (record.outcome !== "ok") return;
    this.counts.claims += 1;
    if (claimId === undefined) {
      queue.emptyClaims.push(span);
      return;
    }
    const by = `claim ${claimId}`;
    const messages = ids.map((id, i) => this.#see(bodies[i] ?? "", id, record, queue, by));
    const claim: Claim = { ...span, id: claimId, queue: queue.name, messages, renewals: [], releases: [] };
    queue.claims.push(claim);
    if (queue.claimsById.has(claimId)) this.#violations.add("Q3", queue.name, `claim id ${claimId} was answered twice`);
    queue.claimsById.set(claimId, claim);
    this.counts.delivered += messages.length;
    for (const message of messages) {
      if (message.claims.at(-1) === claim)
        this.#violations.add("Q3", queue.name, `claim ${claimId} holds message ${message.body} twice`);
      else if (message.claims.length > 0) this.counts.redelivered += 1;
      message.claims.push(claim);
    }
  }

  #renew(record: RenewRecord, queue: QueueLedger): void {
    const claim = queue.claimsById.get(record.claimId);
    if (claim === undefined) return;
    if (record.outcome === "fail") {
      if (record.denied === true) this.denials.push({ record, claim, message: undefined });
      return;
    }
    this.counts.renewals += 1;
    const graceMs = record.graceSec * 1_000;
    claim.renewals.push({ ...interval(record), ttlMs: record.ttlSec * 1_000, graceMs });
  }

  #release(record: ReleaseRecord, queue: QueueLedger): void {
    this.counts.releases += 1;
    if (record.outcome === "fail") return;
    queue.claimsById.get(record.claimId)?.releases.push(interval(record));
  }

  #delete(record: DeleteRecord, queue: QueueLedger): void {
    const claim = record.claimId === undefined ? undefined : queue.claimsById.get(record.claimId);
    for (const id of record.ids) {
      const message = queue.byId.get(id);
      if (message === undefined) continue;
      if (record.outcome === "fail") {
        message.deleteRefused = true;
        if (claim !== undefined && record.denied === true) this.denials.push({ record, claim, message });
        continue;
      }
      message.deletableFrom = Math.min(message.deletableFrom, record.invoke);
      if (record.outcome !== "ok") continue;
      if (message.deletedBy === Infinity) this.counts.deleted += 1;
      message.deletedBy = Math.min(message.deletedBy, record.complete);
    }
  }

  #list(record: ListRecord, queue: QueueLedger): void {
    const { session: name, includeClaimed } = record;
    let paging = queue.pagings.get(name);
    if (paging === undefined) {
      paging = { name, includeClaimed, from: record.invoke, to: 0, ended: false, broken: false, messages: [] };
      queue.pagings.set(name, paging);
      this.counts.pagings += 1;
    }
    this.counts.pages += 1;
    paging.to = Math.max(paging.to, record.complete);
    if (record.outcome !== "ok") {
      paging.broken = true;
      return;
    }
    if (record.end) paging.ended = true;
    const by = `paging ${name}`;
    for (const [i, id] of record.ids.entries())
      paging.messages.push(this.#see(record.bodies[i] ?? "", id, record, queue, by));
  }

  #get(record: GetRecord, queue: QueueLedger): void {
    if (record.outcome !== "ok") return;
    this.counts.reads += 1;
    const got = new Set(record.ids);
    const by = `a read by ${record.process}`;
    for (const [i, id] of record.ids.entries()) this.#see(record.bodies[i] ?? "", id, record, queue, by);
    for (const id of record.asked) {
      const message = queue.byId.get(id);
      if (message !== undefined && !got.has(id)) queue.misses.push({ ...interval(record), message });
    }
  }
}
