import type { Bounds } from "./bounds.js";
import type { Claim, Message } from "./ledger.js";

/**
 * Until when a claim holds its messages for certain, counted from its completion: never later than the real end of the lease.
 * A renewal counts from its invoke; one of unknown outcome, or one that overlaps another, may only shorten.
 */
export function heldForCertainUntil(claim: Claim, bounds: Bounds): number {
  let until = claim.invoke + claim.ttlMs - bounds.clockMs;
  let previousComplete = claim.complete;
  for (const renewal of [...claim.renewals].sort((a, b) => a.invoke - b.invoke)) {
    const renewed = renewal.invoke + renewal.ttlMs - bounds.clockMs;
    const certain = renewal.outcome === "ok" && renewal.invoke >= previousComplete;
    until = certain ? renewed : Math.min(until, renewed);
    previousComplete = Math.max(previousComplete, renewal.complete);
  }
  for (const release of claim.releases) until = Math.min(until, release.invoke);
  return until;
}

/** From when on nothing can be held by the claim any more: its messages are free or in other hands. */
export function freeForCertainFrom(claim: Claim, bounds: Bounds): number {
  let from = claim.complete + claim.ttlMs;
  for (const renewal of claim.renewals) {
    const late = renewal.outcome === "unknown" ? bounds.lateMs : 0;
    from = Math.max(from, renewal.complete + late + renewal.ttlMs);
  }
  from += bounds.clockMs + bounds.sweepMs;
  for (const release of claim.releases) if (release.outcome === "ok") from = Math.min(from, release.complete);
  return from;
}

/** Until when an acknowledged message is there for certain. Claims only lengthen a life. */
export function presentForCertainUntil(message: Message, bounds: Bounds): number {
  const { post } = message;
  if (post === undefined) return -Infinity;
  return Math.min(message.deletableFrom, post.invoke + post.ttlMs - bounds.clockMs);
}
