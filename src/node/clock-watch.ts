import type { NodeId } from "../peer/index.js";
import { nodeLimits } from "./limits.js";

/**
 * Compares this node's wall clock with those of its peers (raft.md section 9): one bad clock must not expire everybody's
 * messages, so a node whose clock is off must not lead. What a peer sends is late by the time that it travelled, never early:
 * the greatest of the last samples is the best.
 */
export class ClockWatch {
  readonly #skewMaxMs: number;
  /** How far each peer's clock was ahead of ours, milliseconds, newest last. */
  readonly #samples = new Map<NodeId, number[]>();
  readonly #off = new Set<NodeId | undefined>();

  constructor(skewMaxMs: number) {
    this.#skewMaxMs = skewMaxMs;
  }

  /** A peer said what time it is. */
  heard(from: NodeId, theirWallMs: number, ownWallMs: number): void {
    const samples = this.#samples.get(from) ?? [];
    this.#samples.set(from, samples);
    samples.push(theirWallMs - ownWallMs);
    if (samples.length > nodeLimits.clockSamplesMax) samples.shift();
  }

  forget(node: NodeId): void {
    this.#samples.delete(node);
    this.#off.delete(node);
  }

  /** How far this node's clock is ahead of the median of all that it knows, its own included; negative when behind. */
  get aheadMs(): number {
    const median = medianOf([...this.#offsets().values()]);
    return median === 0 ? 0 : -median;
  }

  /**
   * Judges all clocks that are known. A clock is off when it is further from their median than allowed, while most are not: without
   * three clocks, or with most of them in disagreement, nobody can tell which is right. Once off, a clock must come well within
   * the bound again. To be called every second.
   */
  judge(): void {
    const offsets = this.#offsets();
    const median = medianOf([...offsets.values()]);
    const isFar = (node: NodeId | undefined, offset: number): boolean =>
      Math.abs(offset - median) > this.#skewMaxMs * (this.#off.has(node) ? nodeLimits.clockRightShare : 1);
    const far = [...offsets].filter(([node, offset]) => isFar(node, offset)).map(([node]) => node);
    this.#off.clear();
    if (offsets.size < 3 || far.length * 2 >= offsets.size) return;
    for (const node of far) this.#off.add(node);
  }

  /** True while this node's own clock is off. */
  get isOff(): boolean {
    return this.#off.has(undefined);
  }

  /** True while a peer's clock is off. */
  isPeerOff(node: NodeId): boolean {
    return this.#off.has(node);
  }

  /** Offsets to this node's clock, its own under no name. */
  #offsets(): Map<NodeId | undefined, number> {
    const offsets = new Map<NodeId | undefined, number>([[undefined, 0]]);
    for (const [node, samples] of this.#samples) offsets.set(node, Math.max(...samples));
    return offsets;
  }
}

function medianOf(values: number[]): number {
  values.sort((a, b) => a - b);
  const middle = values.length >> 1;
  const upper = values[middle] as number;
  return values.length % 2 === 1 ? upper : ((values[middle - 1] as number) + upper) / 2;
}
