import type { GroupId } from "../storage/index.js";
import { nodeLimits } from "./limits.js";

/**
 * Which groups have had no leader for a while, as far as this node knows. Others may be unable to elect one without it: they
 * are there and their clocks are right, but only this node has what was committed.
 */
export class LeaderAbsence {
  readonly #rounds = new Map<GroupId, number>();

  /** To be called once in every round for each group; true while a group was without a leader in the last few rounds. */
  lasts(group: GroupId, hasLeader: boolean): boolean {
    if (hasLeader) {
      this.#rounds.delete(group);
      return false;
    }
    const rounds = (this.#rounds.get(group) ?? 0) + 1;
    this.#rounds.set(group, rounds);
    return rounds > nodeLimits.leaderlessRoundsMax;
  }
}
