import { create } from "@bufbuild/protobuf";
import type { Rng, Timer, Timers } from "../../base/index.js";
import {
  type ExchangeResponse,
  ExchangeRequestSchema,
  type GatewayHello,
  type LeaderUpdate,
  type Membership,
  type NodeHello,
} from "../../gen/marconi/v1/partitions_pb.js";
import { CorrelationTable } from "./correlation-table.js";
import type { RouterLimits } from "./limits.js";
import type { RouterLog } from "./log.js";
import { Outbox } from "./outbox.js";
import { RedialDelay } from "./redial-delay.js";
import type { Request, RequestHolder } from "./request.js";
import type { RouterCounters } from "./stats.js";
import type { Connection, Transport } from "./transport.js";

/**
 * How the owner takes a hello: use the node; refuse it; let the link rest, since another one reaches the same node; or try
 * again later, since the node is no member of the cluster now.
 */
export type Greeting =
  { readonly take: "use" | "rest" | "later" } | { readonly take: "refuse"; readonly reason: string };

/** Who knows the cluster's name, its members and the other links. */
export interface LinkGreeter {
  /** What to say in every hello. */
  hello(): GatewayHello;
  /** A node said hello. After `use` the link is ready. The link may be closed meanwhile. */
  greet(link: NodeLink, hello: NodeHello): Greeting;
  /** A node told of the members of its cluster. */
  membershipChanged(membership: Membership): void;
  /** Whether a link that is not ready is missed: it is dialled briskly then, at leisure otherwise. */
  urgent(link: NodeLink): boolean;
}

/** What the user of links hears. Calls never overlap. */
export interface LinkEvents {
  /** The answer to `request`, whose result is payload[start, end); the payload is the receiver's to keep. */
  answered(link: NodeLink, request: Request, status: number, payload: Uint8Array, start: number, end: number): void;
  leadersChanged(link: NodeLink, leaders: readonly LeaderUpdate[]): void;
  /** All of a frame was handed over. */
  frameDone(link: NodeLink): void;
  /** More fits into the link's outbox than before. */
  drained(link: NodeLink): void;
  /** A link that was ready is so no longer; `requests` are detached, oldest first. */
  lost(link: NodeLink, requests: readonly Request[]): void;
}

export interface LinkOptions {
  readonly address: string;
  readonly greeter: LinkGreeter;
  readonly events: LinkEvents;
  readonly transport: Transport;
  readonly timers: Timers;
  readonly rng: Rng;
  readonly limits: RouterLimits;
  readonly counters: RouterCounters;
  readonly log: RouterLog;
}

type State = "lost" | "greeting" | "ready" | "resting" | "closed";

/** One address of a storage node: a stream that is dialled again whenever it breaks, and the requests on it. */
export class NodeLink implements RequestHolder {
  readonly address: string;
  readonly #options: LinkOptions;
  readonly #outbox: Outbox;
  readonly #inFlight = new CorrelationTable<Request>();
  readonly #delay: RedialDelay;
  readonly #flush = (): void => {
    this.#flushNow();
  };
  readonly #partIfIdle = (): void => {
    if (this.#retiring && this.#isIdle) this.#part();
  };
  #state: State = "lost";
  #nodeId: string | undefined;
  #connection: Connection | undefined;
  /** Tells a connection's events from those of its predecessors. */
  #attempt = 0;
  #timer: Timer | undefined;
  /** It is dialled again, but not soon. */
  #atLeisure = false;
  #retiring = false;
  /** While retiring: when what is still on the link is given up. */
  #retireTimer: Timer | undefined;
  #flushSoon = false;
  #blocked = false;
  #refusal: string | undefined;

  constructor(options: LinkOptions) {
    this.address = options.address;
    this.#options = options;
    this.#outbox = new Outbox(options.limits);
    this.#delay = new RedialDelay(options.limits.redialDelayMsMin, options.limits.redialDelayMsMax, options.rng);
  }

  /** As of the last hello that was taken. */
  get nodeId(): string | undefined {
    return this.#nodeId;
  }

  get ready(): boolean {
    return this.#state === "ready";
  }

  /** It is about to be given up: `retire` was called. */
  get retiring(): boolean {
    return this.#retiring;
  }

  /** True when a new request is better refused than put behind what waits already. */
  get full(): boolean {
    return this.#outbox.bytes >= this.#options.limits.outboxBytesMax;
  }

  get inFlight(): number {
    return this.#inFlight.count;
  }

  /** Dials; only for a link that is new or rests. */
  dial(): void {
    if (this.#state !== "lost" && this.#state !== "resting") return;
    this.#state = "greeting";
    this.#atLeisure = false;
    this.#blocked = false;
    this.#attempt += 1;
    const attempt = this.#attempt;
    this.#options.counters.dials += 1;
    const ifCurrent = (act: () => void): void => {
      if (attempt === this.#attempt) act();
    };
    this.#timer?.cancel();
    try {
      this.#connection = this.#options.transport.connect(this.address, {
        frame: (frame) => {
          if (attempt === this.#attempt) this.#receive(frame);
        },
        drained: () => {
          ifCurrent(() => {
            this.#drained();
          });
        },
        closed: (reason) => {
          ifCurrent(() => {
            this.#connection = undefined;
            this.#lose(reason);
          });
        },
      });
    } catch (error) {
      this.#lose(String(error));
      return;
    }
    this.#timer = this.#options.timers.after(this.#options.limits.helloTimeoutMs, () => {
      ifCurrent(() => {
        this.#lose("no hello in time");
      });
    });
    this.#connection.send(create(ExchangeRequestSchema, { hello: this.#options.greeter.hello() }), 0);
  }

  /** A link that rests, or is dialled at leisure, is missed from now on. */
  hasten(): void {
    if (this.#state === "resting") this.dial();
    else if (this.#atLeisure) this.#redialIn(this.#delay.next());
  }

  /**
   * Gives the link up, once all that is on it was answered or retireMsMax have passed; it is lost then, and rests. Requests
   * may still be put on it until then.
   */
  retire(): void {
    if (!this.ready || this.#retiring) return;
    this.#retiring = true;
    const { timers, limits } = this.#options;
    this.#retireTimer = timers.after(limits.retireMsMax, () => {
      this.#part();
    });
    timers.soon(this.#partIfIdle);
  }

  /** Undoes `retire`, if it is not too late. */
  keep(): void {
    this.#retireTimer?.cancel();
    this.#retiring = false;
  }

  /** Puts a request on the link: it goes out in the frame of this event-loop turn. The link must be ready. */
  enqueue(request: Request): void {
    request.link = this;
    this.#outbox.add(request);
    if (this.#flushSoon || this.#blocked) return;
    this.#flushSoon = true;
    this.#options.timers.soon(this.#flush);
  }

  recall(partition: number): Request[] {
    const requests = this.#outbox.recall(partition);
    for (const request of requests) request.release();
    return requests;
  }

  abandon(request: Request): void {
    this.#inFlight.take(request.correlation);
  }

  close(): void {
    this.#hangUp();
    this.#state = "closed";
  }

  get #isIdle(): boolean {
    return this.#inFlight.count === 0 && this.#outbox.isEmpty;
  }

  #receive(frame: ExchangeResponse): void {
    this.#options.counters.framesReceived += 1;
    if (this.#state === "greeting") {
      this.#greet(frame.hello);
      if (!this.ready) return;
    }
    // Answers first: news in the same frame is as of its end, hence newer than any refusal in it.
    const { events } = this.#options;
    if (frame.correlations.length > 0 && !this.#answers(frame)) return;
    if (frame.leaders.length > 0) events.leadersChanged(this, frame.leaders);
    if (frame.membership !== undefined) this.#options.greeter.membershipChanged(frame.membership);
    events.frameDone(this);
    this.#partIfIdle();
  }

  #greet(hello: NodeHello | undefined): void {
    this.#timer?.cancel();
    const greeting: Greeting =
      hello === undefined
        ? { take: "refuse", reason: "its first frame carries no hello" }
        : this.#options.greeter.greet(this, hello);
    if (this.#isClosed) return;
    if (greeting.take === "refuse") {
      this.#refuse(greeting.reason);
      return;
    }
    this.#nodeId = hello?.nodeId;
    if (greeting.take === "later") {
      this.#putOff();
      return;
    }
    this.#refusal = undefined;
    this.#delay.reset();
    if (greeting.take === "rest") {
      this.#hangUp();
      this.#state = "resting";
      return;
    }
    this.#state = "ready";
    this.#options.log.info({ address: this.address, node: this.#nodeId }, "storage node connected");
  }

  /** Not of our cluster or protocol: said once a reason, tried again at leisure. */
  #refuse(reason: string): void {
    if (this.#refusal !== reason)
      this.#options.log.error({ address: this.address, reason }, "storage node refused; it is not used");
    this.#refusal = reason;
    this.#hangUp();
    this.#redialIn(this.#options.limits.refusedRedialDelayMs);
  }

  /** No member now: said once, tried again as long as nobody else answers, or later. */
  #putOff(): void {
    const reason = "it is no member of its cluster";
    if (this.#refusal !== reason)
      this.#options.log.warn({ address: this.address, node: this.#nodeId, reason }, "storage node is not used");
    this.#refusal = reason;
    this.#hangUp();
    this.#redial();
  }

  /** False when the frame does not follow the format and the stream was given up for it. */
  #answers(frame: ExchangeResponse): boolean {
    const { correlations, statuses, lengths, payload } = frame;
    const { events, counters } = this.#options;
    const total = lengths.reduce((sum, length) => sum + length, 0);
    if (statuses.length !== correlations.length || lengths.length !== correlations.length || total !== payload.length) {
      this.#options.log.error({ address: this.address, node: this.#nodeId }, "storage node sent a malformed frame");
      this.#lose("malformed frame");
      return false;
    }
    counters.answersReceived += correlations.length;
    let start = 0;
    for (let i = 0; i < correlations.length; i++) {
      const end = start + (lengths[i] ?? 0);
      const request = this.#inFlight.take(correlations[i] ?? 0);
      if (request === undefined) counters.answersLate += 1;
      else events.answered(this, request, statuses[i] ?? 0, payload, start, end);
      start = end;
    }
    return true;
  }

  #flushNow(): void {
    this.#flushSoon = false;
    while (this.#connection !== undefined && this.ready && !this.#blocked) {
      const frame = this.#outbox.nextFrame(this.#inFlight);
      if (frame === undefined) return;
      this.#options.counters.framesSent += 1;
      this.#options.counters.requestsSent += frame.correlations.length;
      this.#blocked = !this.#connection.send(frame, frame.payload.length);
    }
  }

  #drained(): void {
    this.#blocked = false;
    this.#flushNow();
    this.#options.events.drained(this);
  }

  #lose(reason: string): void {
    const wasReady = this.ready;
    this.#hangUp();
    this.#state = "lost";
    if (wasReady) {
      this.#options.counters.streamsLost += 1;
      this.#options.log.warn({ address: this.address, node: this.#nodeId, reason }, "storage node lost");
      this.#handBack();
    }
    if (!this.#isClosed) this.#redial();
  }

  /** The end of a link that retires. */
  #part(): void {
    this.#hangUp();
    this.#state = "resting";
    this.#options.log.info({ address: this.address, node: this.#nodeId }, "storage node left");
    this.#handBack();
  }

  #handBack(): void {
    const requests = [...this.#inFlight.drain(), ...this.#outbox.drain()];
    for (const request of requests) request.detach();
    this.#options.events.lost(this, requests);
  }

  #redial(): void {
    const urgent = this.#options.greeter.urgent(this);
    this.#redialIn(urgent ? this.#delay.next() : this.#options.limits.spareRedialDelayMs);
    this.#atLeisure = !urgent;
  }

  #redialIn(delayMs: number): void {
    this.#state = "lost";
    this.#atLeisure = false;
    this.#timer?.cancel();
    this.#timer = this.#options.timers.after(delayMs, () => {
      this.dial();
    });
  }

  #hangUp(): void {
    this.#attempt += 1;
    this.#timer?.cancel();
    this.keep();
    this.#connection?.close();
    this.#connection = undefined;
  }

  get #isClosed(): boolean {
    return this.#state === "closed";
  }
}
