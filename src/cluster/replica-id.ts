import { assert } from "../base/index.js";
import { clusterLimits, seatsMax } from "./limits.js";
import type { ReplicaId, Seat } from "./types.js";

/** The replica of a group that was made on `seat` by the `generation`-th change of the group's placement; 0: at foundation. */
export function replicaIdAt(seat: Seat, generation: number): ReplicaId {
  assert(Number.isInteger(seat) && seat > 0 && seat < seatsMax, `not a seat: ${seat}`);
  assert(
    Number.isInteger(generation) && generation >= 0 && generation <= clusterLimits.generationMax,
    `not a generation: ${generation}`,
  );
  return seat + generation * seatsMax;
}

export function seatOf(replica: ReplicaId): Seat {
  return replica % seatsMax;
}

export function generationOf(replica: ReplicaId): number {
  return Math.floor(replica / seatsMax);
}
