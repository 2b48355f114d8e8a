import type { Clock } from "../base/index.js";
import type { Index, ReplicaId } from "../raft/index.js";
import type { Checkpointer } from "./checkpointer.js";
import { nodeLimits } from "./limits.js";
import type { Replica } from "./replica.js";

interface Settling {
  readonly replica: Replica;
  readonly to: ReplicaId;
  readonly index: Index;
  readonly untilMs: number;
  readonly unpin: () => void;
}

/**
 * Snapshots that were sent, and of which their receivers have not said yet that they go on from there: installing takes a while, and
 * if the log after them were given up meanwhile, each would need another.
 */
export class SettlingSnapshots {
  readonly #clock: Clock;
  readonly #checkpointer: Checkpointer;
  #all: Settling[] = [];

  constructor(clock: Clock, checkpointer: Checkpointer) {
    this.#clock = clock;
    this.#checkpointer = checkpointer;
  }

  sent(replica: Replica, to: ReplicaId, index: Index): void {
    this.#release((one) => one.replica === replica && one.to === to);
    const unpin = this.#checkpointer.pin(replica.group, index);
    const untilMs = this.#clock.monotonicMs() + nodeLimits.snapshotInstallMs;
    this.#all.push({ replica, to, index, untilMs, unpin });
  }

  /** Lets go of those that need no log any more. Called every second. */
  sweep(): void {
    const nowMs = this.#clock.monotonicMs();
    this.#release(({ replica, to, index, untilMs }) => {
      const peer = replica.core.status().peers.find(({ id }) => id === to);
      return untilMs <= nowMs || peer === undefined || peer.match >= index;
    });
  }

  /** The replica leads no more, or is removed. */
  drop(replica: Replica): void {
    this.#release((one) => one.replica === replica);
  }

  #release(over: (one: Settling) => boolean): void {
    const gone = this.#all.filter(over);
    if (gone.length === 0) return;
    this.#all = this.#all.filter((one) => !gone.includes(one));
    for (const { unpin } of gone) unpin();
  }
}
