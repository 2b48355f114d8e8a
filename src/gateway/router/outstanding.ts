import { decodeResult } from "../../command/index.js";
import { failures } from "./failures.js";
import type { Lane } from "./lane.js";
import type { RouterLimits } from "./limits.js";
import type { RouterLog } from "./log.js";
import type { Request } from "./request.js";
import type { RouterCounters } from "./stats.js";

/** All requests that are accepted and not answered: their bounds, and how each is answered, exactly once. */
export class Outstanding {
  readonly #limits: RouterLimits;
  readonly #counters: RouterCounters;
  readonly #log: RouterLog;
  #lanes: readonly Lane[] = [];
  #requests = 0;
  #bytes = 0;
  #whenNone: (() => void) | undefined;

  constructor(limits: RouterLimits, counters: RouterCounters, log: RouterLog) {
    this.#limits = limits;
    this.#counters = counters;
    this.#log = log;
  }

  get count(): number {
    return this.#requests;
  }

  get bytes(): number {
    return this.#bytes;
  }

  use(lanes: readonly Lane[]): void {
    this.#lanes = lanes;
  }

  /** False when a bound is reached. A request's size is counted once it is in: the bounds on bytes are passed by one request at most. */
  hasRoom(lane: Lane): boolean {
    const limits = this.#limits;
    return (
      this.#requests < limits.outstandingRequestsMax &&
      this.#bytes < limits.outstandingBytesMax &&
      lane.outstandingRequests < limits.partitionRequestsMax &&
      lane.outstandingBytes < limits.partitionBytesMax
    );
  }

  add(lane: Lane, request: Request): void {
    this.#counters.requests += 1;
    this.#requests += 1;
    this.#bytes += request.bytes.length;
    lane.add(request);
  }

  succeed(lane: Lane, request: Request, result: Uint8Array): void {
    let value: unknown;
    try {
      value = decodeResult(request.operation, result);
    } catch (cause) {
      this.#log.error({ err: cause, operation: request.operation }, "a storage node sent a result that cannot be read");
      this.fail(lane, request, failures.internal("The storage answered with something unreadable.", cause));
      return;
    }
    this.#counters.results += 1;
    this.#settle(lane, request);
    request.resolve(value);
  }

  fail(lane: Lane, request: Request, error: Error): void {
    this.#settle(lane, request);
    request.reject(error);
  }

  failUnknown(lane: Lane, request: Request): void {
    this.#counters.unknownOutcomes += 1;
    this.fail(lane, request, failures.unknownOutcome());
  }

  failOverloaded(lane: Lane, request: Request): void {
    this.#counters.overloaded += 1;
    this.fail(lane, request, failures.overloaded());
  }

  /** Gives up every request whose deadline is not after `nowMs`. */
  expire(nowMs: number): void {
    for (const lane of this.#lanes) {
      if (lane.outstandingRequests === 0) continue;
      const before = lane.outstandingRequests;
      for (const list of [lane.commands, lane.queries])
        for (let oldest = list.oldest; oldest !== undefined && oldest.deadlineMs <= nowMs; oldest = list.oldest)
          this.#giveUp(lane, oldest, failures.noLeader);
      if (lane.outstandingRequests !== before) lane.prune();
    }
  }

  /** Gives up everything: the router stops. */
  stop(): void {
    for (const lane of this.#lanes) {
      for (const list of [lane.commands, lane.queries])
        for (let oldest = list.oldest; oldest !== undefined; oldest = list.oldest)
          this.#giveUp(lane, oldest, failures.shuttingDown);
      lane.prune();
    }
  }

  /** Calls back once nothing is outstanding, at once if so already. */
  whenNone(callback: () => void): void {
    if (this.#requests === 0) callback();
    else this.#whenNone = callback;
  }

  /** `ifNothingDone` is the error when certainly no attempt had an effect. */
  #giveUp(lane: Lane, request: Request, ifNothingDone: () => Error): void {
    const unknown = request.uncertain || (request.isCommand && request.inFlight);
    if (request.inFlight) request.link?.abandon(request);
    if (unknown) {
      this.failUnknown(lane, request);
      return;
    }
    this.#counters.noLeader += 1;
    this.fail(lane, request, ifNothingDone());
  }

  #settle(lane: Lane, request: Request): void {
    lane.remove(request);
    request.settled = true;
    this.#requests -= 1;
    this.#bytes -= request.bytes.length;
    if (this.#requests > 0 || this.#whenNone === undefined) return;
    const callback = this.#whenNone;
    this.#whenNone = undefined;
    callback();
  }
}
