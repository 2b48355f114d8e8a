import { LatencyHistogram } from "./latency-histogram.js";
import type { LoadResult } from "./load-protocol.js";

/** What all connections count together. Nothing is counted outside the window that is measured, but unexpected answers. */
export class LoadTally {
  posted = 0;
  claimed = 0;
  deleted = 0;
  emptyClaims = 0;
  readonly #latency = {
    all: new LatencyHistogram(),
    post: new LatencyHistogram(),
    claim: new LatencyHistogram(),
    delete: new LatencyHistogram(),
  };
  readonly #unexpected = new Map<string, number>();
  readonly #messagesMax: number;
  #messagesSent = 0;
  #openedAtMs = performance.now();
  #cpuAtOpen = process.cpuUsage();

  /** @param messagesMax how many messages may be posted in all; 0: any number */
  constructor(messagesMax: number) {
    this.#messagesMax = messagesMax;
  }

  mayPost(count: number): boolean {
    if (this.#messagesMax > 0 && this.#messagesSent >= this.#messagesMax) return false;
    this.#messagesSent += count;
    return true;
  }

  answered(step: "post" | "claim" | "delete", microseconds: number): void {
    this.#latency.all.record(microseconds);
    this.#latency[step].record(microseconds);
  }

  unexpected(what: string): void {
    this.#unexpected.set(what, (this.#unexpected.get(what) ?? 0) + 1);
  }

  /** The warm-up is over: counting begins. */
  open(): void {
    this.posted = 0;
    this.claimed = 0;
    this.deleted = 0;
    this.emptyClaims = 0;
    for (const histogram of Object.values(this.#latency)) histogram.clear();
    this.#openedAtMs = performance.now();
    this.#cpuAtOpen = process.cpuUsage();
  }

  close(): LoadResult {
    const { user, system } = process.cpuUsage(this.#cpuAtOpen);
    return {
      seconds: (performance.now() - this.#openedAtMs) / 1_000,
      ...{ posted: this.posted, claimed: this.claimed, deleted: this.deleted, emptyClaims: this.emptyClaims },
      all: this.#latency.all.summary(),
      posts: this.#latency.post.summary(),
      claims: this.#latency.claim.summary(),
      deletes: this.#latency.delete.summary(),
      unexpected: Object.fromEntries(this.#unexpected),
      cpuUs: user + system,
    };
  }
}
