import type { MachineStats } from "../partition/index.js";
import type { Replica } from "./replica.js";

const counted = ["posted", "claimedTotal", "deleted", "expired", "duplicatesAnswered"] as const;
export type Counted = (typeof counted)[number];
type Totals = Record<Counted, number>;

const none = (): Totals => ({ posted: 0, claimedTotal: 0, deleted: 0, expired: 0, duplicatesAnswered: 0 });

/**
 * What happened to messages while this node led their partitions. Every replica applies everything, so that a sum over the
 * nodes would count each message as often as it has replicas; counting reigns only, it counts once.
 */
export class LedTotals {
  readonly #ended = none();
  readonly #reigns = new Map<Replica, MachineStats>();

  /** Call whenever a replica's leadership may have changed. */
  note(replica: Replica): void {
    const began = this.#reigns.get(replica);
    if (replica.serving === (began !== undefined)) return;
    if (began === undefined) {
      this.#reigns.set(replica, replica.machine.stats());
      return;
    }
    this.#reigns.delete(replica);
    const now = replica.machine.stats();
    for (const name of counted) this.#ended[name] += now[name] - began[name];
  }

  /** Ascends for ever. */
  total(name: Counted): number {
    let sum = this.#ended[name];
    for (const [replica, began] of this.#reigns) sum += replica.machine.stats()[name] - began[name];
    return sum;
  }
}
