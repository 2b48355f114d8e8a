import type { Operation } from "../../command/index.js";

/** Where a request is in flight; a node's link. */
export interface RequestHolder {
  readonly nodeId: string | undefined;
  /** Gives up waiting for the answer to a request in flight. */
  abandon(request: Request): void;
  /** Takes back the requests of one partition that are not on the stream yet, oldest first. */
  recall(partition: number): Request[];
}

/**
 * One request from acceptance to its answer. It is always in its partition's list of outstanding requests, and in one of
 * three places: waiting for a leader (`link` undefined), in a link's outbox (`correlation` 0), or in flight.
 */
export class Request {
  readonly partition: number;
  readonly operation: Operation;
  /** As it goes over the wire, on every attempt. */
  readonly bytes: Uint8Array;
  /** Of the session, from 1; 0 for a query, which has no effect to repeat. */
  readonly sequence: number;
  /** Monotonic milliseconds. */
  readonly deadlineMs: number;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
  link: RequestHolder | undefined = undefined;
  correlation = 0;
  settled = false;
  /** It was on a stream at least once. */
  sent = false;
  /** An earlier attempt of this command may have been executed. */
  uncertain = false;
  // Neighbours in the partition's list of outstanding requests.
  older: Request | undefined = undefined;
  newer: Request | undefined = undefined;

  constructor(
    partition: number,
    operation: Operation,
    bytes: Uint8Array,
    sequence: number,
    deadlineMs: number,
    resolve: (result: unknown) => void,
    reject: (error: Error) => void,
  ) {
    this.partition = partition;
    this.operation = operation;
    this.bytes = bytes;
    this.sequence = sequence;
    this.deadlineMs = deadlineMs;
    this.resolve = resolve;
    this.reject = reject;
  }

  get isCommand(): boolean {
    return this.sequence > 0;
  }

  get inFlight(): boolean {
    return this.correlation > 0;
  }

  /** Leaves a link that did nothing with it. */
  release(): void {
    this.link = undefined;
    this.correlation = 0;
  }

  /** Leaves a link; what was in flight may have been executed. */
  detach(): void {
    if (this.inFlight && this.isCommand) this.uncertain = true;
    this.release();
  }
}
