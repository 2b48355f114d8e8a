import type { Bounds } from "./bounds.js";
import { freeForCertainFrom, presentForCertainUntil } from "./lease.js";
import type { EmptyClaim, Message } from "./ledger.js";

/** A span in which a message is free for certain: acknowledged, not deleted, in no claim that is known of. */
export interface Ready {
  readonly message: Message;
  readonly from: number;
  readonly to: number;
  readonly since: "posted" | "released" | "lapsed";
}

/** The ready spans of one message, ascending. Claims of unknown outcome are not in here: see UnknownClaims. */
export function readySpans(message: Message, bounds: Bounds): Ready[] {
  const { post } = message;
  if (post?.outcome !== "ok" || message.tainted) return [];
  const end = presentForCertainUntil(message, bounds);
  const spans: Ready[] = [];
  let from = post.complete;
  let since: Ready["since"] = "posted";
  for (const claim of [...message.claims].sort((a, b) => a.invoke - b.invoke)) {
    const to = Math.min(claim.invoke, end);
    if (to > from) spans.push({ message, from, to, since });
    const free = freeForCertainFrom(claim, bounds);
    if (free > from) {
      from = free;
      since = claim.releases.some((release) => release.complete === free) ? "released" : "lapsed";
    }
  }
  if (end > from) spans.push({ message, from, to: end, since });
  return spans;
}

/**
 * Claims whose answer never came may hold messages that look free. They are few and take a bounded number: as many free
 * messages as they may hold together can be missing without a fault.
 */
export class UnknownClaims {
  readonly #starts: readonly { readonly at: number; readonly limit: number }[];
  readonly #ends: readonly { readonly at: number; readonly limit: number }[];

  constructor(claims: readonly EmptyClaim[], bounds: Bounds) {
    const end = (claim: EmptyClaim): number =>
      claim.complete + bounds.lateMs + claim.ttlMs + bounds.clockMs + bounds.sweepMs;
    this.#starts = prefixSums(claims.map((claim) => ({ at: claim.invoke, limit: claim.limit })));
    this.#ends = prefixSums(claims.map((claim) => ({ at: end(claim), limit: claim.limit })));
  }

  /** How many messages they may hold at some time in the span. */
  mayHold(from: number, to: number): number {
    return sumUpTo(this.#starts, to) - sumUpTo(this.#ends, from);
  }
}

function prefixSums(items: readonly { at: number; limit: number }[]): { at: number; limit: number }[] {
  let sum = 0;
  return [...items]
    .sort((a, b) => a.at - b.at)
    .map(({ at, limit }) => {
      sum += limit;
      return { at, limit: sum };
    });
}

function sumUpTo(sums: readonly { readonly at: number; readonly limit: number }[], at: number): number {
  let low = 0;
  let high = sums.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sums[middle] as { at: number }).at <= at) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? 0 : (sums[low - 1] as { limit: number }).limit;
}

/** True when one of the spans covers from..to. */
export function isReadyThroughout(spans: readonly Ready[], from: number, to: number): boolean {
  return spans.some((span) => span.from <= from && span.to >= to);
}

/** A pair that was answered in the wrong order: `first` was posted before `second` for certain, but came after it. */
export function orderSlip(messages: readonly Message[]): { first: Message; second: Message } | undefined {
  let latest: Message | undefined;
  let previous: Message | undefined;
  for (const message of messages) {
    const post = message.post;
    if (post === undefined || message.tainted) continue;
    if (latest?.post !== undefined && post.outcome === "ok" && post.complete < latest.post.invoke)
      return { first: message, second: latest };
    if (previous?.post === post && message.position < previous.position) return { first: message, second: previous };
    if (latest?.post === undefined || post.invoke > latest.post.invoke) latest = message;
    previous = message;
  }
  return undefined;
}
