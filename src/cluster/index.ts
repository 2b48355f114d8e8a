/**
 * The cluster map: which nodes there are and who holds which partition, as a pure function of the meta group's log, and what
 * to move next. Imports only `base`. Promises: a group is never told to forget a replica that its configuration may still need.
 */
export { applyCommand } from "./apply-command.js";
export { decodeCommand, encodeCommand } from "./command-codec.js";
export { foundingMap, type Founding, foundingVoters } from "./founding.js";
export { goalOf, heldBy, idsToHold, placementOf } from "./holding.js";
export { clusterLimits, metaGroup, seatsMax } from "./limits.js";
export { decodeMap, encodeMap, mapDigest } from "./map-codec.js";
export { planMoves, type PlanView } from "./planner.js";
export { generationOf, replicaIdAt, seatOf } from "./replica-id.js";
export type {
  ClusterMap,
  ClusterNode,
  MapCommand,
  MapOutcome,
  NodeId,
  NodeState,
  Placement,
  ReplicaId,
  Seat,
} from "./types.js";
