import { randomUUID } from "node:crypto";
import type { HistoryRecord, Timed } from "../check/history.js";
import { HttpClient, type LastAnswer } from "./http-client.js";
import { bodyHash, type MessageBody } from "./message-body.js";
import type { Recorder } from "./recorder.js";
import type { Tally } from "./tally.js";
import type { Timeline } from "./timeline.js";

export interface ClientContext {
  readonly host: string;
  readonly port: number;
  readonly recorder: Recorder;
  readonly tally: Tally;
  readonly timeline: Timeline;
  /** How long what is answered with `Retry-After` is tried again, in milliseconds; the history has the last attempt. */
  readonly retryMs: number;
}

export interface Delivered {
  readonly id: string;
  readonly body: string;
}

export interface HeldClaim {
  readonly id: string;
  readonly messages: readonly Delivered[];
}

interface ApiMessage {
  readonly href: string;
  readonly body: unknown;
}

const lastSegment = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

function delivered(messages: readonly ApiMessage[]): Delivered[] {
  return messages.map(({ href, body }) => ({ id: lastSegment(href.split("?")[0] ?? ""), body: bodyHash(body) }));
}

const ids = (messages: readonly Delivered[]): string[] => messages.map((message) => message.id);
const bodies = (messages: readonly Delivered[]): string[] => messages.map((message) => message.body);

/** One client of the cluster: every operation goes into the history with what the client was told about it. */
export class RecordingClient {
  readonly #name: string;
  readonly #http: HttpClient;
  readonly #context: ClientContext;
  #sessions = 0;

  constructor(name: string, context: ClientContext) {
    this.#name = name;
    this.#context = context;
    this.#http = new HttpClient(context.host, context.port, randomUUID(), context.retryMs);
  }

  close(): void {
    this.#http.close();
  }

  async createQueue(queue: string): Promise<boolean> {
    const answer = await this.#http.request("PUT", `/v1/queues/${queue}`);
    return this.#outcome("create-queue", answer, [201, 204]) === "ok";
  }

  async deleteQueue(queue: string): Promise<boolean> {
    const answer = await this.#http.request("DELETE", `/v1/queues/${queue}`);
    const timed = this.#timed("delete-queue", queue, answer, [204]);
    this.#record({ ...timed, op: "delete-queue" });
    return timed.outcome === "ok";
  }

  /** @returns the ids, or undefined when the post was not acknowledged */
  async post(queue: string, messages: readonly MessageBody[], ttlSec: number): Promise<readonly string[] | undefined> {
    const payload = messages.map((body) => ({ ttl: ttlSec, body }));
    const answer = await this.#http.request("POST", `/v1/queues/${queue}/messages`, payload);
    const timed = this.#timed("post", queue, answer, [201], [404]);
    const post = { ...timed, op: "post", bodies: messages.map(bodyHash), ttlSec } as const;
    if (timed.outcome !== "ok") {
      this.#record(post);
      return undefined;
    }
    const posted = (answer.body as { resources: string[] }).resources.map(lastSegment);
    this.#record({ ...post, ids: posted });
    return posted;
  }

  /** @returns undefined when nothing was claimed, or nothing is known */
  async claim(queue: string, limit: number, ttlSec: number, graceSec: number): Promise<HeldClaim | undefined> {
    const terms = { ttl: ttlSec, grace: graceSec };
    const answer = await this.#http.request("POST", `/v1/queues/${queue}/claims?limit=${limit}`, terms);
    const timed = this.#timed("claim", queue, answer, [201, 204]);
    const claim = { ...timed, op: "claim", limit, ttlSec, graceSec } as const;
    if (answer.status !== 201) {
      this.#record(claim);
      return undefined;
    }
    const messages = delivered(answer.body as ApiMessage[]);
    const claimId = lastSegment(answer.location);
    this.#record({ ...claim, claimId, ids: ids(messages), bodies: bodies(messages) });
    return { id: claimId, messages };
  }

  async renew(queue: string, claimId: string, ttlSec: number, graceSec: number): Promise<boolean> {
    const terms = { ttl: ttlSec, grace: graceSec };
    const answer = await this.#http.request("PATCH", `/v1/queues/${queue}/claims/${claimId}`, terms);
    const timed = this.#timed("renew", queue, answer, [204], [404]);
    const denied = answer.status === 404 ? { denied: true } : {};
    this.#record({ ...timed, op: "renew", claimId, ttlSec, graceSec, ...denied });
    return timed.outcome === "ok";
  }

  async release(queue: string, claimId: string): Promise<void> {
    const answer = await this.#http.request("DELETE", `/v1/queues/${queue}/claims/${claimId}`);
    this.#record({ ...this.#timed("release", queue, answer, [204]), op: "release", claimId });
  }

  /** Refused when the message is claimed by another or, with a claim, not held by it. */
  async deleteOne(queue: string, id: string, claimId?: string): Promise<boolean> {
    const query = claimId === undefined ? "" : `?claim_id=${claimId}`;
    const answer = await this.#http.request("DELETE", `/v1/queues/${queue}/messages/${id}${query}`);
    const timed = this.#timed("delete", queue, answer, [204], [400, 403]);
    const denied = answer.status === 400 || answer.status === 403 ? { denied: true } : {};
    this.#record({ ...timed, op: "delete", ids: [id], ...(claimId === undefined ? {} : { claimId }), ...denied });
    return timed.outcome === "ok";
  }

  /** Whatever their state is; 20 at most. */
  async deleteAll(queue: string, all: readonly string[]): Promise<boolean> {
    const answer = await this.#http.request("DELETE", `/v1/queues/${queue}/messages?ids=${all.join(",")}`);
    const timed = this.#timed("bulk delete", queue, answer, [204]);
    this.#record({ ...timed, op: "delete", ids: all });
    return timed.outcome === "ok";
  }

  async get(queue: string, asked: readonly string[]): Promise<void> {
    const answer = await this.#http.request("GET", `/v1/queues/${queue}/messages?ids=${asked.join(",")}`);
    const timed = this.#timed("get", queue, answer, [200, 204]);
    const messages = answer.status === 200 ? delivered(answer.body as ApiMessage[]) : [];
    this.#record({ ...timed, op: "get", asked, ids: ids(messages), bodies: bodies(messages) });
  }

  async stats(queue: string): Promise<number | undefined> {
    const answer = await this.#http.request("GET", `/v1/queues/${queue}/stats`);
    const timed = this.#timed("stats", queue, answer, [200], [404]);
    if (timed.outcome !== "ok") return undefined;
    const { messages } = answer.body as { messages: { total: number; claimed: number; free: number } };
    const { total, claimed, free } = messages;
    this.#record({ ...timed, op: "stats", total, claimed, free });
    return total;
  }

  /**
   * Pages from the first message on, own messages included, until nothing more comes or `pagesMax` is reached.
   *
   * @returns what was seen, or undefined when a page failed
   */
  async list(queue: string, includeClaimed: boolean, pagesMax: number): Promise<Delivered[] | undefined> {
    const session = `${this.#name}-${++this.#sessions}`;
    const seen: Delivered[] = [];
    let path = `/v1/queues/${queue}/messages?limit=20&echo=true&include_claimed=${includeClaimed}`;
    for (let page = 0; page < pagesMax; page++) {
      const answer = await this.#http.request("GET", path);
      const timed = this.#timed("list", queue, answer, [200, 204]);
      const body = answer.body as { messages: ApiMessage[]; links: { rel: string; href: string }[] };
      const messages = answer.status === 200 ? delivered(body.messages) : [];
      const end = answer.status === 204;
      this.#record({
        ...timed,
        op: "list",
        session,
        end,
        includeClaimed,
        ids: ids(messages),
        bodies: bodies(messages),
      });
      if (timed.outcome !== "ok") return undefined;
      if (end) return seen;
      seen.push(...messages);
      path = body.links.find((link) => link.rel === "next")?.href ?? "";
    }
    return seen;
  }

  #record(record: HistoryRecord): void {
    this.#context.recorder.add(record);
  }

  #timed(what: string, queue: string, answer: LastAnswer, ok: readonly number[], fail: readonly number[] = []): Timed {
    const outcome = this.#outcome(what, answer, ok, fail);
    return { process: this.#name, queue, invoke: answer.invoke, complete: answer.complete, outcome };
  }

  /**
   * 503 with `Retry-After` promises that nothing was done; without, that nobody knows. Anything that is neither expected nor 503
   * is told as a fault of its own.
   */
  #outcome(
    what: string,
    { status, retryAfterSec, error, body, firstInvoke, complete, attempts }: LastAnswer,
    ok: readonly number[],
    fail: readonly number[] = [],
  ): Timed["outcome"] {
    this.#context.timeline.add(firstInvoke, complete);
    this.#context.tally.answered(what, status);
    if (attempts > 1 && retryAfterSec === undefined) this.#context.tally.refusedForAWhile += 1;
    if (ok.includes(status)) return "ok";
    if (fail.includes(status)) return "fail";
    if (status === 503) return retryAfterSec === undefined ? "unknown" : "fail";
    this.#context.tally.unexpected(`${what}: ${status === 0 ? error : `${status} ${JSON.stringify(body)}`}`);
    return "unknown";
  }
}
