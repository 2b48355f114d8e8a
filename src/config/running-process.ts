/** What a node or a gateway is to whoever started it. */
export interface RunningProcess {
  /** Finishes what is in work, hands over leaderships, closes everything. Bounded by the caller. */
  stop(): Promise<void>;
  /** Resolves, with the reason, when there is nothing left to run for; the caller then stops it. */
  readonly over?: Promise<string>;
}

/**
 * A process that cannot start with what it found: a data folder in use or of another cluster, a newer format, a port that is
 * taken. The message says what to do. Starting again without a change ends the same way.
 */
export class StartRefusal extends Error {
  override readonly name = "StartRefusal";
}
