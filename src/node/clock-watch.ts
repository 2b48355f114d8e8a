import type { NodeId } from "../peer/index.js";
import { nodeLimits } from "./limits.js";

interface Samples {
  /** How far the peer's clock was ahead of ours, milliseconds, newest last. */
  readonly ahead: number[];
}

/**
 * Compares this node's wall clock with those of its peers (raft.md section 9): one bad clock must not expire everybody's
 * messages, so a node whose clock is off must not lead. What a peer sends is late by the time that it travelled, never early:
 * the greatest of the last samples is the best.
 */
export class ClockWatch {
  readonly #skewMaxMs: number;
  readonly #samples = new Map<NodeId, Samples>();
  #off = false;

  constructor(skewMaxMs: number) {
    this.#skewMaxMs = skewMaxMs;
  }

  /** A peer said what time it is. */
  heard(from: NodeId, theirWallMs: number, ownWallMs: number): void {
    let samples = this.#samples.get(from);
    if (samples === undefined) {
      samples = { ahead: [] };
      this.#samples.set(from, samples);
    }
    samples.ahead.push(theirWallMs - ownWallMs);
    if (samples.ahead.length > nodeLimits.clockSamplesMax) samples.ahead.shift();
  }

  forget(node: NodeId): void {
    this.#samples.delete(node);
  }

  /** How far this node's clock is ahead of the median of all that it knows, its own included; negative when behind. */
  get aheadMs(): number {
    const offsets = [0];
    for (const { ahead } of this.#samples.values()) offsets.push(Math.max(...ahead));
    offsets.sort((a, b) => a - b);
    const middle = offsets.length >> 1;
    const median =
      offsets.length % 2 === 1
        ? (offsets[middle] as number)
        : ((offsets[middle - 1] as number) + (offsets[middle] as number)) / 2;
    return -median || 0;
  }

  /**
   * True while this node must not lead: with two other clocks to compare with, its own is further from the median than allowed.
   * Once off, it must come well within the bound again.
   */
  isOff(): boolean {
    if (this.#samples.size < 2) return this.#off;
    const skewMs = Math.abs(this.aheadMs);
    this.#off = skewMs > this.#skewMaxMs * (this.#off ? 0.8 : 1);
    return this.#off;
  }
}
