import type { ClusterMap, NodeId, ReplicaId } from "../cluster/index.js";
import type { DescribeResponse, PeerReport, ReplicaReport } from "../gen/marconi/v1/cluster_pb.js";

/** What a leader knows of another replica of its group. */
export interface PeerDescription {
  readonly replica: ReplicaId;
  /** The highest entry that it is known to have on disk. */
  readonly match: number;
  /** `probe`: its log is being looked for. `replicate`: it follows. `snapshot`: it is too far behind for the log. */
  readonly state: string;
  readonly recentlyActive: boolean;
}

/** One replica as its node sees it. */
export interface ReplicaDescription {
  readonly group: number;
  readonly replica: ReplicaId;
  readonly role: string;
  readonly term: number;
  /** 0: none is known. */
  readonly leader: ReplicaId;
  readonly commit: number;
  readonly applied: number;
  readonly lastIndex: number;
  readonly voters: readonly ReplicaId[];
  /** Voters of the configuration that is being left; empty when none is. */
  readonly outgoing: readonly ReplicaId[];
  readonly learners: readonly ReplicaId[];
  /** Of a leader only. */
  readonly peers: readonly PeerDescription[];
  /** A snapshot is being installed. */
  readonly installing: boolean;
}

/** What a node says about itself and its cluster. */
export interface NodeDescription {
  /** Where it answered: host:port. */
  readonly address: string;
  readonly clusterId: string;
  readonly nodeId: NodeId;
  readonly map: ClusterMap;
  readonly replicas: readonly ReplicaDescription[];
  readonly connectedNodeIds: readonly NodeId[];
  /** Undefined: it knows none. */
  readonly metaLeader: NodeId | undefined;
  /** Of the median of the cluster's clocks. */
  readonly clockAheadMs: number;
  readonly bodyBytes: number;
}

function peer({ replica, match, state, recentlyActive }: PeerReport): PeerDescription {
  return { replica: Number(replica), match: Number(match), state, recentlyActive };
}

function replica(report: ReplicaReport): ReplicaDescription {
  return {
    group: report.group,
    replica: Number(report.replica),
    role: report.role,
    term: Number(report.term),
    leader: Number(report.leader),
    commit: Number(report.commit),
    applied: Number(report.applied),
    lastIndex: Number(report.lastIndex),
    voters: report.voters.map(Number),
    outgoing: report.outgoing.map(Number),
    learners: report.learners.map(Number),
    peers: report.peers.map(peer),
    installing: report.installing,
  };
}

/** @param map that of the response */
export function describeNode(address: string, response: DescribeResponse, map: ClusterMap): NodeDescription {
  return {
    address,
    clusterId: response.clusterId,
    nodeId: response.nodeId,
    map,
    replicas: response.replicas.map(replica),
    connectedNodeIds: response.connectedNodeIds,
    metaLeader: response.metaLeaderNodeId === "" ? undefined : response.metaLeaderNodeId,
    clockAheadMs: Number(response.clockAheadMs),
    bodyBytes: Number(response.bodyBytes),
  };
}
