/**
 * The cluster map: which nodes there are and who holds which partition, as a pure function of the meta group's log, and what
 * to move next. Imports only `base`. Promises: a group is never told to forget a replica that its configuration may still need.
 */
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
