/**
 * A storage node: replicas of partitions on one shard, its gRPC services for peers and gateways, checkpoints, snapshots,
 * leadership balance. Imports every room below the gateway. Promises: an answer leaves only after the entry is on a
 * majority's disks and applied here.
 */
export { nodeMetrics } from "./describe-metrics.js";
export { type NodeContext, runNode } from "./run-node.js";
