import type { Message } from "./messages.js";
import type { FetchOrder, ReadGrant, SnapshotOrder } from "./ready.js";
import type { SnapshotMeta } from "./types.js";

const none: readonly never[] = Object.freeze<never[]>([]);

/** A list that is handed over whole. Empty ones cost nothing. */
export class Gathered<T> {
  #items: T[] = [];

  get isEmpty(): boolean {
    return this.#items.length === 0;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  take(): readonly T[] {
    if (this.#items.length === 0) return none;
    const items = this.#items;
    this.#items = [];
    return items;
  }
}

/** What the next Ready will ask of the host, besides persisting and applying. */
export class Outbox {
  /** May leave at once. */
  readonly now = new Gathered<Message>();
  /** Must not overtake the orders that are on their way to the disk. */
  readonly afterPersist = new Gathered<Message>();
  readonly reads = new Gathered<ReadGrant>();
  readonly fetches = new Gathered<FetchOrder>();
  readonly snapshots = new Gathered<SnapshotOrder>();
  install: SnapshotMeta | undefined;

  get isEmpty(): boolean {
    return this.now.isEmpty && this.afterPersist.isEmpty && !this.hasOrders;
  }

  /** Something other than messages. */
  get hasOrders(): boolean {
    return !(this.reads.isEmpty && this.fetches.isEmpty && this.snapshots.isEmpty && this.install === undefined);
  }

  takeInstall(): SnapshotMeta | undefined {
    const { install } = this;
    this.install = undefined;
    return install;
  }
}
