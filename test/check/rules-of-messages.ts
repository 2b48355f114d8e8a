import type { Bounds } from "./bounds.js";
import { FirstAfter } from "./first-after.js";
import { heldForCertainUntil, presentForCertainUntil } from "./lease.js";
import type { Claim, Interval, Ledger, Message, QueueLedger } from "./ledger.js";
import type { Violations } from "./verdict.js";

const at = (ms: number): string => `${Math.round(ms)} ms`;
const nameOf = (message: Message): string => `message ${message.body} (id ${message.id ?? "unknown"})`;

/** Deleting a queue deletes what was in it. */
export function applyQueueDeletions(queue: QueueLedger, bounds: Bounds): void {
  if (queue.deletions.length === 0) return;
  const lateOf = ({ outcome }: Interval): number => (outcome === "unknown" ? bounds.lateMs : 0);
  const possible = new FirstAfter(
    queue.deletions.map((one) => ({ at: one.complete + lateOf(one), value: one.invoke })),
  );
  const certain = queue.deletions.filter(({ outcome }) => outcome === "ok");
  const done = new FirstAfter(certain.map((one) => ({ at: one.invoke, value: one.complete })));
  for (const message of queue.messages) {
    const { post } = message;
    if (post === undefined) continue;
    const from = Math.max(possible.leastFrom(post.invoke), post.invoke);
    message.deletableFrom = Math.min(message.deletableFrom, from);
    if (post.outcome === "ok") message.deletedBy = Math.min(message.deletedBy, done.leastFrom(post.complete));
  }
}

/** Q2 and Q14 of one message: what was delivered was posted, and not by a post that failed for certain. */
export function checkOrigin(message: Message, violations: Violations): void {
  if (message.tainted || message.sightedAt === -Infinity) return;
  if (message.post === undefined) {
    const what = `${nameOf(message)} was never posted; delivered by ${message.sightedBy} at ${at(message.sightedAt)}`;
    violations.add("Q2", message.queue, what);
  } else if (message.post.outcome === "fail") {
    const what = `the post of ${nameOf(message)} failed for certain, yet ${message.sightedBy} delivered it`;
    violations.add("Q14", message.queue, what);
  }
}

/** Q1, and Q14 where a refused delete seems to have worked: what nobody deleted is seen after the drain began. */
export function checkLoss(message: Message, ledger: Ledger, bounds: Bounds, violations: Violations): void {
  const { post, deletableFrom } = message;
  if (ledger.drainFrom === undefined || message.tainted || post?.outcome !== "ok") return;
  if (deletableFrom !== Infinity || message.sightedAt >= ledger.drainFrom) return;
  if (presentForCertainUntil(message, bounds) <= ledger.lastComplete) return;
  message.tainted = true;
  const seen = message.sightedAt === -Infinity ? "never seen" : `last seen at ${at(message.sightedAt)}`;
  const what = `${nameOf(message)}, acknowledged at ${at(post.complete)} to ${post.process}, is gone; ${seen}`;
  if (message.deleteRefused) violations.add("Q14", message.queue, `${what}; a delete of it was refused`);
  else violations.add("Q1", message.queue, what);
}

/** Q1 of reads: a message that is there throughout a read by id is in its answer. */
export function checkMisses(queue: QueueLedger, bounds: Bounds, violations: Violations): void {
  for (const { message, invoke, complete, process } of queue.misses) {
    const { post } = message;
    if (message.tainted || post?.outcome !== "ok" || post.complete > invoke) continue;
    if (presentForCertainUntil(message, bounds) <= complete) continue;
    violations.add("Q1", queue.name, `${nameOf(message)} was not found by the read of ${process} at ${at(invoke)}`);
  }
}

/** Pairs per message are all compared up to this many claims; beyond, neighbours only. */
const CLAIMS_COMPARED_MAX = 32;

/**
 * Q3: two claims of one message must be possible one after the other: the later one no earlier than the first possible end of
 * the earlier one. A claim after an acknowledged delete is left to Q4.
 */
export function checkExclusive(message: Message, bounds: Bounds, violations: Violations): void {
  const { claims } = message;
  if (claims.length < 2 || message.tainted) return;
  const sorted = [...claims].sort((a, b) => a.invoke - b.invoke);
  const reach = sorted.length <= CLAIMS_COMPARED_MAX ? sorted.length : 1;
  for (let i = 0; i < sorted.length; i++) {
    const a = sorted[i] as Claim;
    const aHeldUntil = heldForCertainUntil(a, bounds);
    for (let j = i + 1; j < Math.min(sorted.length, i + 1 + reach); j++) {
      const b = sorted[j] as Claim;
      if (b.id === a.id || b.invoke > message.deletedBy) continue;
      if (aHeldUntil <= b.complete || heldForCertainUntil(b, bounds) <= a.complete) continue;
      const what =
        `${nameOf(message)} is in claim ${b.id} of ${b.process} at ${at(b.invoke)}..${at(b.complete)} while claim ${a.id} of ` +
        `${a.process} from ${at(a.invoke)}..${at(a.complete)} holds it until ${at(aHeldUntil)} at least`;
      violations.add("Q3", message.queue, what);
    }
  }
}

/** Q4: nothing that was invoked after an acknowledged delete returns the message. */
export function checkFinality(message: Message, violations: Violations): void {
  if (message.tainted || message.sightedAt <= message.deletedBy) return;
  const what = `${nameOf(message)}, deleted by ${at(message.deletedBy)}, came back in ${message.sightedBy} at ${at(message.sightedAt)}`;
  violations.add("Q4", message.queue, what);
}

/**
 * Q8: nothing is delivered after the last moment to which its own ttl or a claim's ttl and grace can have stretched its life. A
 * claim stretches only what it finds alive.
 */
export function checkExpiry(message: Message, queue: QueueLedger, bounds: Bounds, violations: Violations): void {
  const { post } = message;
  if (message.tainted || post?.outcome !== "ok") return;
  const slackMs = bounds.clockMs + bounds.sweepMs;
  let until = post.complete + post.ttlMs + slackMs;
  if (message.sightedAt <= until) return;
  for (const claim of queue.unknownClaims)
    until = Math.max(until, claim.complete + bounds.lateMs + claim.ttlMs + claim.graceMs + slackMs);
  for (const claim of [...message.claims].sort((a, b) => a.invoke - b.invoke)) {
    if (claim.invoke > until) break;
    until = Math.max(until, claim.complete + claim.ttlMs + claim.graceMs + slackMs);
    for (const renewal of claim.renewals) {
      const late = renewal.outcome === "unknown" ? bounds.lateMs : 0;
      until = Math.max(until, renewal.complete + late + renewal.ttlMs + renewal.graceMs + slackMs);
    }
  }
  if (message.sightedAt <= until) return;
  const what = `${nameOf(message)}, expired by ${at(until)}, came out of ${message.sightedBy} at ${at(message.sightedAt)}`;
  violations.add("Q8", message.queue, what);
}

/** Q14 of claims: a renewal or delete was denied although the claim held its messages for certain. */
export function checkDenials(ledger: Ledger, bounds: Bounds, violations: Violations): void {
  for (const { record, claim, message } of ledger.denials) {
    if (record.invoke < claim.complete || heldForCertainUntil(claim, bounds) <= record.complete) continue;
    // A claim ends with its last message.
    const concerned = message === undefined ? claim.messages : [message];
    const held = concerned.some(
      (one) =>
        !one.tainted && one.deletableFrom > record.complete && presentForCertainUntil(one, bounds) > record.complete,
    );
    if (!held) continue;
    const what = `${record.op} of ${record.process} at ${at(record.invoke)} was denied although claim ${claim.id} was alive`;
    violations.add("Q14", claim.queue, what);
  }
}
