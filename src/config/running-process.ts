/** What a node or a gateway is to whoever started it. */
export interface RunningProcess {
  /** Finishes what is in work, hands over leaderships, closes everything. Bounded by the caller. */
  stop(): Promise<void>;
}

/**
 * A process that cannot start with what it found: a data folder in use or of another cluster, a newer format, a port that is
 * taken. The message says what to do. Starting again without a change ends the same way.
 */
export class StartRefusal extends Error {
  override readonly name = "StartRefusal";
}
