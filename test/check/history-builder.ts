import type { Bounds } from "./bounds.js";
import { HistoryChecker } from "./checker.js";
import type { HistoryRecord, Timed } from "./history.js";
import type { Rule, Verdict } from "./verdict.js";

/** An exact world: servers' clocks agree, expiry is noticed at once, nothing happens after a client gave up. */
export const exactBounds: Bounds = { clockMs: 0, sweepMs: 0, lateMs: 0 };

type Span = readonly [invoke: number, complete: number];

export interface Extra {
  readonly process?: string;
  readonly queue?: string;
  readonly outcome?: Timed["outcome"];
  readonly ttlSec?: number;
  readonly graceSec?: number;
  readonly limit?: number;
  readonly claimId?: string;
  readonly includeClaimed?: boolean;
  /** A failure that is a denial. */
  readonly denied?: boolean;
}

/**
 * Writes histories by hand. Times are seconds here. A message is called by one word, `a`; its body hash is `a` and its id is
 * `#a` unless said otherwise as `a=#x`.
 */
export class HistoryBuilder {
  readonly records: HistoryRecord[] = [];

  post([invoke, complete]: Span, messages: string, extra: Extra = {}): this {
    const { bodies, ids } = parse(messages);
    const timed = this.#timed(invoke, complete, extra);
    const answer = timed.outcome === "ok" ? { ids } : {};
    this.records.push({ ...timed, op: "post", bodies, ttlSec: extra.ttlSec ?? 3_600, ...answer });
    return this;
  }

  /** `messages` empty: nothing was claimed. The limit is what was got, unless said. */
  claim([invoke, complete]: Span, claimId: string, messages: string, extra: Extra = {}): this {
    const { bodies, ids } = parse(messages);
    const limit = extra.limit ?? Math.max(1, ids.length);
    const timed = this.#timed(invoke, complete, extra);
    const lease = { limit, ttlSec: extra.ttlSec ?? 60, graceSec: extra.graceSec ?? 60 };
    const answer = timed.outcome === "ok" && ids.length > 0 ? { claimId, ids, bodies } : {};
    this.records.push({ ...timed, op: "claim", ...lease, ...answer });
    return this;
  }

  renew([invoke, complete]: Span, claimId: string, extra: Extra = {}): this {
    const lease = { ttlSec: extra.ttlSec ?? 60, graceSec: extra.graceSec ?? 60 };
    this.records.push({ ...this.#timed(invoke, complete, extra), op: "renew", claimId, ...lease, ...deniedOf(extra) });
    return this;
  }

  release([invoke, complete]: Span, claimId: string, extra: Extra = {}): this {
    this.records.push({ ...this.#timed(invoke, complete, extra), op: "release", claimId });
    return this;
  }

  delete([invoke, complete]: Span, messages: string, extra: Extra = {}): this {
    const claim = extra.claimId === undefined ? {} : { claimId: extra.claimId };
    this.records.push({
      ...this.#timed(invoke, complete, extra),
      op: "delete",
      ids: parse(messages).ids,
      ...claim,
      ...deniedOf(extra),
    });
    return this;
  }

  page([invoke, complete]: Span, session: string, messages: string, extra: Extra = {}): this {
    const { bodies, ids } = parse(messages);
    const includeClaimed = extra.includeClaimed ?? true;
    const timed = this.#timed(invoke, complete, extra);
    this.records.push({ ...timed, op: "list", session, end: ids.length === 0, includeClaimed, ids, bodies });
    return this;
  }

  get([invoke, complete]: Span, asked: string, found: string, extra: Extra = {}): this {
    const { bodies, ids } = parse(found);
    this.records.push({ ...this.#timed(invoke, complete, extra), op: "get", asked: parse(asked).ids, ids, bodies });
    return this;
  }

  stats([invoke, complete]: Span, total: number, claimed = 0, free = total - claimed): this {
    this.records.push({ ...this.#timed(invoke, complete, {}), op: "stats", total, claimed, free });
    return this;
  }

  deleteQueue([invoke, complete]: Span, extra: Extra = {}): this {
    this.records.push({ ...this.#timed(invoke, complete, extra), op: "delete-queue" });
    return this;
  }

  drain(invoke: number): this {
    this.records.push({ op: "drain", invoke: invoke * 1_000 });
    return this;
  }

  check(bounds: Bounds = exactBounds): Verdict {
    const checker = new HistoryChecker(bounds);
    for (const record of this.records) checker.add(record);
    return checker.finish();
  }

  /** The rules that are broken, in order. */
  broken(bounds: Bounds = exactBounds): Rule[] {
    return [...this.check(bounds).countByRule.keys()].sort();
  }

  #timed(invoke: number, complete: number, { process = "p", queue = "q", outcome = "ok" }: Extra): Timed {
    return { process, queue, invoke: invoke * 1_000, complete: complete * 1_000, outcome };
  }
}

const deniedOf = ({ denied }: Extra): { denied?: boolean } => (denied === undefined ? {} : { denied });

function parse(messages: string): { bodies: string[]; ids: string[] } {
  const words = messages.split(" ").filter((word) => word !== "");
  const bodies = words.map((word) => word.split("=")[0] as string);
  const ids = words.map((word) => word.split("=")[1] ?? `#${word}`);
  return { bodies, ids };
}

export const history = (): HistoryBuilder => new HistoryBuilder();
