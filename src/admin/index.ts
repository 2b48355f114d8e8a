/**
 * The client of a cluster's own affairs: what its nodes know, changes of the cluster map, leaderships. Operators' commands use
 * it, and nodes that want to join. Imports base, cluster, rpc and the generated code. Promises: every question ends within its
 * time, and a failure says whether anything may have been changed.
 */
export { AdminError, type AdminErrorKind } from "./admin-error.js";
export { ClusterAdmin, type ClusterAdminOptions } from "./cluster-admin.js";
export type { NodeDescription, PeerDescription, ReplicaDescription } from "./description.js";
