import { assert } from "../base/index.js";
import { RequestStatus } from "../contract/index.js";
import type { Index } from "../raft/index.js";
import type { GatewayConnection } from "./gateway-connection.js";
import { nodeLimits } from "./limits.js";

/** One query and who asked it. */
export interface PendingRead {
  readonly connection: GatewayConnection;
  readonly correlation: number;
  readonly query: Uint8Array;
}

/**
 * Queries of one partition on their way through ReadIndex: those that arrive in one event-loop turn share a context, and
 * are answered once the state machine has reached the index that the round confirmed.
 */
export class PendingReads {
  readonly #touched: (connection: GatewayConnection) => void;
  #queued: PendingRead[] = [];
  #lastContext = 0;
  readonly #asked = new Map<number, PendingRead[]>();
  #granted: { readonly index: Index; readonly reads: PendingRead[] }[] = [];
  #count = 0;

  constructor(touched: (connection: GatewayConnection) => void) {
    this.#touched = touched;
  }

  get count(): number {
    return this.#count;
  }

  /** False, and nothing kept, when too many reads wait. */
  enqueue(read: PendingRead): boolean {
    if (this.#count >= nodeLimits.queuedReadsMax) return false;
    this.#queued.push(read);
    this.#count++;
    return true;
  }

  /** The context under which the queued reads ask for a read point; undefined when there are none. Never used twice (etcd #20418). */
  nextContext(): number | undefined {
    if (this.#queued.length === 0) return undefined;
    this.#lastContext++;
    this.#asked.set(this.#lastContext, this.#queued);
    this.#queued = [];
    return this.#lastContext;
  }

  /** The round of `context` was confirmed at `index`, or refused with index 0. */
  granted(context: number, index: Index): void {
    const reads = this.#asked.get(context);
    if (reads === undefined) return;
    this.#asked.delete(context);
    if (index === 0) this.#refuse(reads);
    else this.#granted.push({ index, reads });
  }

  /** True when `release` would return something. */
  hasReleasable(applied: Index): boolean {
    return this.#granted.some((grant) => grant.index <= applied);
  }

  /** The reads that may be answered at `applied`. */
  release(applied: Index): PendingRead[] {
    if (this.#granted.length === 0) return [];
    const ready: PendingRead[] = [];
    this.#granted = this.#granted.filter((grant) => {
      if (grant.index > applied) return true;
      ready.push(...grant.reads);
      return false;
    });
    this.#count -= ready.length;
    return ready;
  }

  /** Leadership is gone. */
  failAll(): void {
    const reads = [
      ...this.#queued,
      ...[...this.#asked.values()].flat(),
      ...this.#granted.flatMap((grant) => grant.reads),
    ];
    this.#queued = [];
    this.#asked.clear();
    this.#granted = [];
    this.#refuse(reads);
    assert(this.#count === 0, "every read was answered");
  }

  #refuse(reads: readonly PendingRead[]): void {
    this.#count -= reads.length;
    for (const read of reads) {
      read.connection.refuse(read.correlation, RequestStatus.notLeader);
      this.#touched(read.connection);
    }
  }
}
