import type { Progress } from "./progress.js";
import type { ReplicaState } from "./state.js";
import type { ReplicaId } from "./types.js";

/**
 * Hands leadership to a chosen voter (thesis 3.10): nothing is proposed until it has the whole log and was told to campaign.
 * The configuration does not change meanwhile either, so the target cannot be removed under way.
 */
export class Transfer {
  readonly #state: ReplicaState;
  #target: ReplicaId = 0;
  #ticks = 0;
  #told = false;

  constructor(state: ReplicaState) {
    this.#state = state;
  }

  get active(): boolean {
    return this.#target !== 0;
  }

  /** False when `peer` cannot take over soon: not a voter, silent, or behind by more than the log cache holds. */
  start(peer: Progress): boolean {
    const { membership, log } = this.#state;
    if (this.#target === peer.id) return true;
    if (this.active || !membership.current.voters.includes(peer.id)) return false;
    if (!peer.alive || peer.state === "snapshot" || peer.match + 1 < log.firstCached) return false;
    this.#target = peer.id;
    this.#ticks = 0;
    this.#told = false;
    this.advance(peer);
    return true;
  }

  /** `peer` may have caught up. */
  advance(peer: Progress): void {
    const { id, term, log, outbox } = this.#state;
    if (peer.id !== this.#target || this.#told || peer.match < log.lastIndex) return;
    this.#told = true;
    outbox.now.push({ type: "timeout-now", from: id, to: peer.id, term });
  }

  /** One tick; true when the transfer is given up because it took an election timeout. */
  tick(): boolean {
    if (!this.active || ++this.#ticks < this.#state.options.electionTicks) return false;
    this.#target = 0;
    return true;
  }
}
