import type { Bounds } from "./bounds.js";
import type { StatsRecord } from "./history.js";
import { presentForCertainUntil } from "./lease.js";
import type { Message, Paging, QueueLedger } from "./ledger.js";
import { isReadyThroughout, orderSlip, readySpans, UnknownClaims } from "./readiness.js";
import type { Violations } from "./verdict.js";

const nameOf = (message: Message): string => `message ${message.body} (id ${message.id ?? "unknown"})`;
const ackedAt = (message: Message): number => message.post?.complete ?? Infinity;

const byNumber = (a: number, b: number): number => a - b;

/** How many of the ascending values are at most `bound`. */
function countUpTo(ascending: readonly number[], bound: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ascending[middle] as number) <= bound) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Q10: a total lies between the messages that are there for certain throughout the request and those that may be there at some
 * time of it; and the parts add up.
 */
export function checkStats(queue: QueueLedger, bounds: Bounds, violations: Violations): void {
  if (queue.stats.length === 0 || queue.messages.some((message) => message.tainted)) return;
  const posted = queue.messages.filter(({ post }) => post !== undefined && post.outcome !== "fail");
  const acked = posted.filter(({ post }) => post?.outcome === "ok");
  const invoked = posted.map(({ post }) => post?.invoke ?? 0).sort(byNumber);
  const acknowledged = acked.map(ackedAt).sort(byNumber);
  const mayBeGone = acked.map((message) => presentForCertainUntil(message, bounds)).sort(byNumber);
  const gone = posted.map((message) => message.deletedBy).sort(byNumber);
  for (const stats of queue.stats) {
    const least = countUpTo(acknowledged, stats.invoke) - countUpTo(mayBeGone, stats.complete);
    const most = countUpTo(invoked, stats.complete) - countUpTo(gone, stats.invoke);
    const problem = statsProblem(stats, least, most);
    if (problem !== undefined) violations.add("Q10", queue.name, `stats at ${Math.round(stats.invoke)} ms: ${problem}`);
  }
}

function statsProblem({ total, claimed, free }: StatsRecord, least: number, most: number): string | undefined {
  if (claimed + free !== total) return `${claimed} claimed and ${free} free are not ${total}`;
  if (total < least) return `${total} messages, but ${least} are there for certain`;
  if (total > most) return `${total} messages, but there can be ${most} at most`;
  return undefined;
}

/** Q11, and Q5 of pages: complete pagings show what is there throughout exactly once, oldest first. */
export function checkPagings(queue: QueueLedger, bounds: Bounds, violations: Violations): void {
  const pagings = [...queue.pagings.values()].sort((a, b) => a.from - b.from);
  for (const paging of pagings) checkPages(paging, queue.name, violations);
  const unknown = new UnknownClaims(queue.unknownClaims, bounds);
  const messages = queue.messages
    .filter((message) => message.post?.outcome === "ok" && !message.tainted)
    .sort((a, b) => ackedAt(a) - ackedAt(b));
  let next = 0;
  let there: Message[] = [];
  for (const paging of pagings) {
    for (; next < messages.length && ackedAt(messages[next] as Message) <= paging.from; next++)
      there.push(messages[next] as Message);
    // Pagings begin later and later, so what is gone by now is gone for all that follow.
    there = there.filter((message) => presentForCertainUntil(message, bounds) > paging.from);
    if (paging.ended && !paging.broken) checkComplete(paging, there, unknown, bounds, queue.name, violations);
  }
}

function checkPages(paging: Paging, queue: string, violations: Violations): void {
  const seen = new Set<Message>();
  for (const message of paging.messages) {
    if (seen.has(message) && !message.tainted)
      violations.add("Q11", queue, `paging ${paging.name} shows ${nameOf(message)} twice`);
    seen.add(message);
  }
  const slip = seen.size === paging.messages.length ? orderSlip(paging.messages) : undefined;
  if (slip === undefined) return;
  const what = `paging ${paging.name} shows ${nameOf(slip.second)} before the older ${nameOf(slip.first)}`;
  violations.add("Q5", queue, what);
}

function checkComplete(
  paging: Paging,
  there: readonly Message[],
  unknown: UnknownClaims,
  bounds: Bounds,
  queue: string,
  violations: Violations,
): void {
  const { from, to, includeClaimed, name } = paging;
  const seen = new Set(paging.messages);
  const missed = there.filter(
    (message) =>
      !seen.has(message) &&
      presentForCertainUntil(message, bounds) > to &&
      (includeClaimed || isReadyThroughout(readySpans(message, bounds), from, to)),
  );
  const first = missed[0];
  if (first === undefined || missed.length <= (includeClaimed ? 0 : unknown.mayHold(from, to))) return;
  const what = `paging ${name} leaves out ${missed.length} messages that are there throughout, ${nameOf(first)} first`;
  violations.add("Q11", queue, what);
}
