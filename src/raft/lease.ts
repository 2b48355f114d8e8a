import { raftLimits } from "./limits.js";

interface Sent {
  readonly round: number;
  readonly atMs: number;
}

/**
 * How long a leader may answer reads without asking anybody (thesis 6.4.1): voters that answered a heartbeat elect nobody else
 * for an election timeout after they received it, so for `leaseMs`, which is less, after it was sent. A process that stands still
 * does not know: whoever reads under a lease looks at the clock again when the value is read.
 */
export class Lease {
  readonly #leaseMs: number;
  /** Rounds of heartbeats that a quorum has not answered, oldest first. */
  #sent: Sent[] = [];
  #untilMs = 0;
  #over = false;

  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs;
  }

  /** Milliseconds on the host's monotonic clock; 0: none. */
  get untilMs(): number {
    return this.#untilMs;
  }

  /** A round of heartbeats is about to leave. */
  roundBegan(round: number, nowMs: number): void {
    if (this.#over) return;
    this.#sent.push({ round, atMs: nowMs });
    if (this.#sent.length > raftLimits.leaseRoundsMax) this.#sent.shift();
  }

  /** A quorum has answered every round up to `round`. */
  confirmed(round: number): void {
    let answered: Sent | undefined;
    while (this.#sent[0] !== undefined && this.#sent[0].round <= round) answered = this.#sent.shift();
    if (answered !== undefined) this.#untilMs = answered.atMs + this.#leaseMs;
  }

  /**
   * For good: somebody may have been told to campaign at once, and voters would listen, however late the message arrives within
   * this term.
   */
  end(): void {
    this.#over = true;
    this.#sent = [];
    this.#untilMs = 0;
  }
}
