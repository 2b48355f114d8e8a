import { AdminError } from "./admin-error.js";

/** Addresses that a message tells about; the others are counted. */
const TOLD_MAX = 5;

/** What each address replied last, and what follows when nothing better comes. */
export class Replies {
  readonly #last = new Map<string, { readonly reason: string; readonly isFinal: boolean }>();
  #doubt: string | undefined;
  #wasRedirected = false;

  /**
   * @param reason completes a sentence that begins with the address
   * @param isFinal the address will not reply otherwise later
   */
  note(address: string, reason: string, isFinal: boolean): void {
    this.#last.set(address, { reason, isFinal });
  }

  redirected(address: string, addresses: readonly string[]): void {
    this.#wasRedirected = true;
    this.note(address, addresses.length === 0 ? "knows no leader" : `points to ${addresses.join(", ")}`, false);
  }

  /** It may have been done there. */
  doubt(address: string, reason: string): void {
    this.#doubt = `${address} ${reason}`;
    this.note(address, reason, false);
  }

  /** Everybody who replied will reply the same again. */
  get isHopeless(): boolean {
    return this.#last.size > 0 && [...this.#last.values()].every(({ isFinal }) => isFinal);
  }

  text(): string {
    const told = [...this.#last].slice(0, TOLD_MAX).map(([address, { reason }]) => `${address} ${reason}`);
    const rest = this.#last.size - told.length;
    return [...told, ...(rest > 0 ? [`and ${String(rest)} more`] : [])].join("; ");
  }

  /** A refusal; after a doubt it may be the earlier, unanswered question that made this one come too late. */
  refused(sentence: string): AdminError {
    if (this.#doubt === undefined) return new AdminError("refused", sentence);
    return new AdminError(
      "unknown-outcome",
      `${sentence}; but an earlier attempt may have been done (${this.#doubt}): look at the status of the cluster`,
    );
  }

  /** The time is up. */
  gaveUp(subject: string): AdminError {
    if (this.#doubt !== undefined)
      return new AdminError(
        "unknown-outcome",
        `nobody knows whether it was done (${this.#doubt}): look at the status of the cluster, then ask again`,
      );
    if (this.#wasRedirected)
      return new AdminError(
        "unreachable",
        `nobody was found that leads ${subject}; a majority of the nodes that hold it must be up: ${this.text()}`,
      );
    return new AdminError("unreachable", `no node could be asked: ${this.text()}`);
  }
}
