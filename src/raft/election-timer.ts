import { raftLimits } from "./limits.js";
import type { RaftOptions } from "./options.js";

/**
 * Counts ticks since a leader was heard, a vote was given or the role changed. The timeout is drawn anew at every role
 * change, so that two candidates that collided once do not collide for ever (section 5.2 of the paper).
 */
export class ElectionTimer {
  readonly #options: RaftOptions;
  #elapsed = 0;
  #timeout = 0;
  #suspected = false;
  #roundFailed = false;
  /** Elections still to be started soon, because the leader's process was seen to be gone. */
  #hurriedRounds = 0;

  constructor(options: RaftOptions) {
    this.#options = options;
    this.restart();
  }

  /** True while a leader heard last counts as alive for votes: others must not depose it (leader stickiness). */
  get fresh(): boolean {
    const { electionTicks, leaseMs = 0 } = this.#options;
    // A leader with a lease counts on it, however much it looks dead from here.
    return this.#elapsed < electionTicks && (!this.#suspected || leaseMs > 0);
  }

  get remainingTicks(): number {
    return this.#timeout - this.#elapsed;
  }

  /** One tick; true when the timeout has passed. */
  advance(): boolean {
    this.#elapsed++;
    return this.#elapsed >= this.#timeout;
  }

  /** The role changed or a vote was given: a whole timeout, drawn from [E, 2E), plus the delay of a replica that is not preferred. */
  restart(): void {
    const { electionTicks, electionDelayTicks = 0, rng } = this.#options;
    this.#elapsed = 0;
    this.#suspected = false;
    if (this.#hurriedRounds > 0) {
      this.#timeout = rng.between(raftLimits.retryTicksMin, raftLimits.retryTicksEnd);
      return;
    }
    this.#timeout = rng.between(electionTicks, 2 * electionTicks) + (this.#roundFailed ? 0 : electionDelayTicks);
  }

  /** This replica campaigns: until a leader is known, preference no longer delays it. */
  campaigned(): void {
    this.#roundFailed = true;
    if (this.#hurriedRounds > 0) this.#hurriedRounds--;
    this.restart();
  }

  /** The leader is alive. */
  heard(): void {
    this.#elapsed = 0;
    const redraw = this.#suspected || this.#roundFailed || this.#hurriedRounds > 0;
    this.#roundFailed = false;
    this.#hurriedRounds = 0;
    if (redraw) this.restart();
  }

  /**
   * The leader's process is gone: campaign within a few ticks. Pre-vote keeps a wrong suspicion harmless. A round that fails,
   * because votes were split or others have not noticed yet, is followed by another one soon, a bounded number of times.
   */
  suspect(): void {
    const { suspicionTicksMin, suspicionTicksEnd, hurriedRoundsMax } = raftLimits;
    this.#suspected = true;
    this.#hurriedRounds = hurriedRoundsMax;
    this.#timeout = this.#elapsed + this.#options.rng.between(suspicionTicksMin, suspicionTicksEnd);
  }
}
