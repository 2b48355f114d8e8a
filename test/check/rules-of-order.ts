import type { Bounds } from "./bounds.js";
import { MinHeap } from "./heap.js";
import type { Claim, EmptyClaim, Message, QueueLedger } from "./ledger.js";
import { isReadyThroughout, orderSlip, type Ready, readySpans, UnknownClaims } from "./readiness.js";
import type { Violations } from "./verdict.js";

/** Beyond this many messages that claims of unknown outcome may hold, nothing is concluded about a claim. */
const MAY_HOLD_MAX = 200;

const ackedAt = (message: Message): number => message.post?.complete ?? Infinity;
const nameOf = (message: Message): string => `message ${message.body} (id ${message.id ?? "unknown"})`;
const at = (ms: number): string => `${Math.round(ms)} ms`;

interface Taking {
  readonly id: string;
  readonly process: string;
  readonly invoke: number;
  readonly complete: number;
  readonly limit: number;
  readonly messages: readonly Message[];
}

const taking = (claim: Claim | EmptyClaim): Taking => ({
  id: "id" in claim ? `claim ${claim.id}` : "an empty claim",
  ...{ process: claim.process, invoke: claim.invoke, complete: claim.complete, limit: claim.limit },
  messages: "messages" in claim ? claim.messages : [],
});

/**
 * Q5 and Q7 over the claims of one queue. A sweep by invoke keeps the messages that are ready in a heap, the first
 * acknowledged on top. A claim that took all it asked for must not have passed over one that is ready throughout the claim and
 * was acknowledged before one of its own was even posted (Q5). A claim with room left must not have missed any (Q7).
 */
export function checkClaims(queue: QueueLedger, bounds: Bounds, violations: Violations): void {
  const spansOf = new Map<Message, Ready[]>();
  for (const message of queue.messages) spansOf.set(message, readySpans(message, bounds));
  const spans = [...spansOf.values()].flat().sort((a, b) => a.from - b.from);
  const takings = [...queue.claims.map(taking), ...queue.emptyClaims.map(taking)].sort((a, b) => a.invoke - b.invoke);
  const unknown = new UnknownClaims(queue.unknownClaims, bounds);
  const ready = new MinHeap<Ready>((span) => ackedAt(span.message));
  let next = 0;
  for (const claim of takings) {
    for (let span = spans[next]; span !== undefined && span.from <= claim.invoke; span = spans[++next])
      ready.push(span);
    const mayHold = unknown.mayHold(claim.invoke, claim.complete);
    const hasRoom = claim.messages.length < claim.limit;
    checkPassedOver(claim, hasRoom ? Infinity : latestPost(claim.messages), mayHold, ready, queue.name, violations);
    if (!hasRoom && mayHold === 0) checkWithinPosts(claim, spansOf, queue.name, violations);
    const slip = orderSlip(claim.messages);
    if (slip !== undefined) {
      const what = `${claim.id} of ${claim.process} gives ${nameOf(slip.second)} before the older ${nameOf(slip.first)}`;
      violations.add("Q5", queue.name, what);
    }
  }
}

function latestPost(messages: readonly Message[]): number {
  let latest = -Infinity;
  for (const { post, tainted } of messages) if (post !== undefined && !tainted) latest = Math.max(latest, post.invoke);
  return latest;
}

/** More ready messages from before `before` than unknown claims can explain: Q7 when the claim had room, else Q5. */
function checkPassedOver(
  claim: Taking,
  before: number,
  mayHold: number,
  ready: MinHeap<Ready>,
  queue: string,
  violations: Violations,
): void {
  if (mayHold > MAY_HOLD_MAX) return;
  const putBack: Ready[] = [];
  let passedOver = 0;
  for (let span = ready.pop(); span !== undefined; span = ready.pop()) {
    // Over before this claim began, so over for all later ones.
    if (span.to < claim.invoke) continue;
    putBack.push(span);
    if (ackedAt(span.message) >= before) break;
    if (span.to < claim.complete) continue;
    passedOver += 1;
    if (passedOver <= mayHold) continue;
    const during = `${claim.id} of ${claim.process} at ${at(claim.invoke)}..${at(claim.complete)}`;
    const free = `${nameOf(span.message)}, ${span.since} and free from ${at(span.from)} to ${at(span.to)}`;
    const had = `had room (${claim.messages.length} of ${claim.limit}) but missed ${free}`;
    if (before === Infinity) violations.add("Q7", queue, `${during} ${had}`);
    else violations.add("Q5", queue, `${during} took a younger message than ${free}`);
    break;
  }
  for (const span of putBack) ready.push(span);
}

/** Q5 within a post: a message is not taken while the one before it in the same post is ready. */
function checkWithinPosts(
  claim: Taking,
  spansOf: ReadonlyMap<Message, Ready[]>,
  queue: string,
  violations: Violations,
): void {
  for (const message of claim.messages) {
    const before = message.position > 0 ? message.post?.messages[message.position - 1] : undefined;
    if (before === undefined || message.tainted) continue;
    if (!isReadyThroughout(spansOf.get(before) ?? [], claim.invoke, claim.complete)) continue;
    const what = `${claim.id} of ${claim.process} took ${nameOf(message)} but left ${nameOf(before)} of the same post`;
    violations.add("Q5", queue, what);
    return;
  }
}
