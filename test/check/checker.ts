import { type Bounds, realBounds } from "./bounds.js";
import type { HistoryRecord } from "./history.js";
import { Ledger } from "./ledger.js";
import {
  applyQueueDeletions,
  checkExclusive,
  checkExpiry,
  checkFinality,
  checkLoss,
  checkMisses,
  checkOrigin,
  checkDenials,
} from "./rules-of-messages.js";
import { checkClaims } from "./rules-of-order.js";
import { checkPagings, checkStats } from "./rules-of-views.js";
import { type Counts, type Verdict, Violations } from "./verdict.js";

const zeroCounts = (): Counts => ({
  ...{ operations: 0, acknowledged: 0, undetermined: 0, recovered: 0, claims: 0, delivered: 0, redelivered: 0 },
  ...{ renewals: 0, releases: 0, lapses: 0, deleted: 0, pages: 0, pagings: 0, reads: 0, failed: 0, unknown: 0 },
});

/**
 * Decides whether a history keeps the rules of queue semantics. Records come one at a time; what is kept of them grows with
 * messages and claims, not with reads. Messages do not depend on each other, so no search over orders is needed: O(n log n).
 * Every rule is judged by intervals: it is broken only when no order within the intervals keeps it.
 */
export class HistoryChecker {
  readonly #bounds: Bounds;
  readonly #violations = new Violations();
  readonly #ledger: Ledger;

  constructor(bounds: Bounds = realBounds) {
    this.#bounds = bounds;
    this.#ledger = new Ledger(this.#violations, zeroCounts());
  }

  /** A client's own records in their order; those of different clients in any. */
  add(record: HistoryRecord): void {
    this.#ledger.add(record);
  }

  /** Judges everything; to be called once. Loss is judged only when the history has a drain. */
  finish(): Verdict {
    const ledger = this.#ledger;
    const violations = this.#violations;
    const bounds = this.#bounds;
    for (const queue of ledger.queues.values()) applyQueueDeletions(queue, bounds);
    for (const queue of ledger.queues.values()) {
      for (const message of queue.messages) {
        checkOrigin(message, violations);
        checkLoss(message, ledger, bounds, violations);
        checkExclusive(message, bounds, violations);
        checkFinality(message, violations);
        checkExpiry(message, queue, bounds, violations);
        if (message.post?.outcome === "unknown" && message.sightedAt > -Infinity) ledger.counts.recovered += 1;
        for (const claim of message.claims.slice(0, -1)) if (claim.releases.length === 0) ledger.counts.lapses += 1;
      }
      checkMisses(queue, bounds, violations);
      checkClaims(queue, bounds, violations);
      checkPagings(queue, bounds, violations);
      checkStats(queue, bounds, violations);
    }
    checkDenials(ledger, bounds, violations);
    return {
      valid: violations.counts.size === 0 && ledger.drainFrom !== undefined,
      violations: violations.kept,
      countByRule: violations.counts,
      counts: ledger.counts,
    };
  }
}
