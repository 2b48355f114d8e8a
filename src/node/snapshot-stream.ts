import type { NodeId, SnapshotPart } from "../peer/index.js";
import type { Index, ReplicaId, Term } from "../raft/index.js";
import type { Replica } from "./replica.js";

export type SendOutcome =
  | "sent"
  /** Interrupted, or turned away: worth another try. */
  | "failed"
  /** There is no checkpoint here that helps. */
  | "cannot";

/** Whose checkpoint goes to whom, and in whose name. */
export interface SendOrder {
  readonly replica: Replica;
  readonly to: ReplicaId;
  readonly node: NodeId;
  readonly minimumIndex: Index;
  /** The leader that announces it, and its term. */
  readonly leader: ReplicaId;
  readonly term: Term;
  /** Called once. `index`: of what was sent, else 0. */
  done(outcome: SendOutcome, index: Index): void;
}

/** One transfer under way, as far as its receiver has answered. */
export class SnapshotStream {
  readonly order: SendOrder;
  #transfer = 0;
  /** Parts that the receiver has, without gaps. */
  #stored = 0;
  #answered = false;
  #accepted = false;
  #refusal: number | undefined;
  #aborted = false;
  #isWorthKeeping = true;
  #progressAtMs: number | undefined;
  #wake: (() => void) | undefined;

  constructor(order: SendOrder) {
    this.order = order;
  }

  get transfer(): number {
    return this.#transfer;
  }

  get stored(): number {
    return this.#stored;
  }

  /** The receiver has said what it has, or that it has everything. */
  get answered(): boolean {
    return this.#answered || this.#accepted;
  }

  get accepted(): boolean {
    return this.#accepted;
  }

  /** Why the receiver wants no more of it. */
  get refusal(): number | undefined {
    return this.#refusal;
  }

  isOver(): boolean {
    return this.#aborted || this.#refusal !== undefined;
  }

  /** False when nobody will go on with what was begun. */
  get isWorthKeeping(): boolean {
    return this.#isWorthKeeping;
  }

  /** An offer is about to be made. */
  begin(transfer: number, nowMs: number): void {
    this.#transfer = transfer;
    this.#stored = 0;
    this.#answered = false;
    this.#progressAtMs = nowMs;
  }

  moved(nowMs: number): void {
    this.#progressAtMs = nowMs;
  }

  /** The time since anything was sent or heard; 0 before the offer. */
  silentMs(nowMs: number): number {
    return this.#progressAtMs === undefined ? 0 : nowMs - this.#progressAtMs;
  }

  hear({ kind, number }: SnapshotPart, nowMs: number): void {
    if (kind === "refused") this.#refusal = number;
    else if (kind === "accepted") this.#accepted = true;
    else {
      this.#stored = Math.max(this.#stored, number);
      this.#answered = true;
    }
    this.#progressAtMs = nowMs;
    this.#wake?.();
  }

  abort(isWorthKeeping: boolean): void {
    this.#aborted = true;
    this.#isWorthKeeping &&= isWorthKeeping;
    this.#wake?.();
  }

  /** Waits until `condition` holds or the transfer is over. */
  async until(condition: () => boolean): Promise<void> {
    while (!this.isOver() && !condition())
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
  }

  /** Wakes whoever waits, to look again. */
  poke(): void {
    this.#wake?.();
  }
}
