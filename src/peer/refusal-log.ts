import type { Logger } from "../telemetry/index.js";
import type { Refusal } from "./identity-check.js";
import { peerLimits } from "./limits.js";

/** Writes refusals into the log, each once: those who are refused dial again and again. */
export class RefusalLog {
  readonly #log: Logger;
  /** The last reason per node and direction. */
  readonly #last = new Map<string, string>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** This node refuses `node`. */
  refused(stranger: string, refusal: Refusal): void {
    const node = short(stranger);
    const reason = short(refusal.reason);
    if (!this.#isNews(`of ${node}`, reason)) return;
    if (refusal.mayPass) this.#log.warn({ node, reason }, "peer refused for now");
    else this.#log.error({ node, reason }, "peer refused");
  }

  /** `node` refuses this one. */
  refusedBy(stranger: string, said: string): void {
    const node = short(stranger);
    const reason = short(said);
    if (this.#isNews(`by ${node}`, reason)) this.#log.error({ node, reason }, "refused by a peer");
  }

  /** The two get on again: the next refusal is news, whatever it says. */
  forget(node: string): void {
    this.#last.delete(`of ${node}`);
    this.#last.delete(`by ${node}`);
  }

  #isNews(key: string, reason: string): boolean {
    const repeated = this.#last.get(key) === reason;
    // Moved to the end: the first is the one that was not heard for longest.
    this.#last.delete(key);
    this.#last.set(key, reason);
    for (const oldest of this.#last.keys()) {
      if (this.#last.size <= peerLimits.refusalsMax) break;
      this.#last.delete(oldest);
    }
    return !repeated;
  }
}

/** What a stranger says may be as long as a frame. */
function short(text: string): string {
  return text.slice(0, peerLimits.refusalTextMax);
}
