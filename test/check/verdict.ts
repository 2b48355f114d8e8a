/** The rules of queue semantics; docs/CHAOS.md says what each promises to a client. */
export const rules = {
  Q1: "no loss: an acknowledged message that nobody deleted is there",
  Q2: "no phantom: what is delivered was posted, to this queue, with this body",
  Q3: "exclusive claims: a message is in one living claim at most",
  Q4: "finality: what was deleted is not delivered again",
  Q5: "order: older free messages are claimed first; batches and pages keep their order",
  Q6: "idempotence: one post makes one message with the ids that were answered",
  Q7: "at least once: a message that is free again is handed out to who asks",
  Q8: "time to live: nothing is delivered after its expiry",
  Q10: "stats: counters agree with what was done",
  Q11: "markers: paging shows every message that is there throughout exactly once",
  Q14: "honest errors: a definite failure did nothing, and was true",
} as const;

export type Rule = keyof typeof rules;

export interface Violation {
  readonly rule: Rule;
  readonly queue: string;
  /** A sentence with ids and times. */
  readonly what: string;
}

/** Kept in full per rule; more are only counted, since one defect breaks one rule a thousand times. */
const KEPT_PER_RULE_MAX = 20;

export class Violations {
  readonly kept: Violation[] = [];
  readonly counts = new Map<Rule, number>();

  add(rule: Rule, queue: string, what: string): void {
    const count = (this.counts.get(rule) ?? 0) + 1;
    this.counts.set(rule, count);
    if (count <= KEPT_PER_RULE_MAX) this.kept.push({ rule, queue, what });
  }
}

export interface Counts {
  operations: number;
  /** Messages of acknowledged posts. */
  acknowledged: number;
  /** Messages of posts whose outcome the client never learnt. */
  undetermined: number;
  /** Those of them that turned up. */
  recovered: number;
  claims: number;
  /** Messages in claims' answers; one message may be delivered many times. */
  delivered: number;
  redelivered: number;
  renewals: number;
  releases: number;
  /** Messages that were handed out again after a claim that nobody released. */
  lapses: number;
  /** Messages with an acknowledged delete. */
  deleted: number;
  pages: number;
  pagings: number;
  reads: number;
  /** Operations per outcome. */
  failed: number;
  unknown: number;
}

export interface Verdict {
  readonly valid: boolean;
  readonly violations: readonly Violation[];
  /** All violations, those that were not kept too. */
  readonly countByRule: ReadonlyMap<Rule, number>;
  readonly counts: Counts;
}
