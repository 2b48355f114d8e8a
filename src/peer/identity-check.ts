import { PROTOCOL_VERSION } from "../rpc/index.js";

export interface PeerIdentity {
  readonly protocolVersion: number;
  readonly clusterId: string;
  readonly nodeId: string;
  readonly incarnation: string;
  readonly partitionCount: number;
}

/** What this node demands of a peer; `incarnationOf` and `rememberIncarnation` keep on disk what each peer was when first met. */
export interface IdentityRules {
  readonly own: PeerIdentity;
  readonly memberIds: ReadonlySet<string>;
  incarnationOf(node: string): string | undefined;
  /** Resolves when the incarnation is on disk: only then may the peer's votes count. */
  rememberIncarnation(node: string, incarnation: string): Promise<void>;
}

/** The reason to refuse a peer, said so that an operator knows what to do; undefined when it is welcome. */
export function refusalOf(rules: IdentityRules, peer: PeerIdentity): string | undefined {
  const { own } = rules;
  if (peer.protocolVersion !== PROTOCOL_VERSION)
    return `peer speaks protocol ${String(peer.protocolVersion)}, this node ${String(PROTOCOL_VERSION)}: run the same release on both`;
  if (peer.clusterId !== own.clusterId)
    return `peer belongs to cluster ${peer.clusterId}, this node to ${own.clusterId}: check --cluster-id and the addresses in --members`;
  if (peer.nodeId === own.nodeId)
    return `peer uses this node's own id ${own.nodeId}: give every node its own --node-id`;
  if (!rules.memberIds.has(peer.nodeId)) return `node ${peer.nodeId} is not in --members`;
  if (peer.partitionCount !== own.partitionCount)
    return `peer has ${String(peer.partitionCount)} partitions, this node ${String(own.partitionCount)}: --partitions is fixed when a cluster is made`;
  const known = rules.incarnationOf(peer.nodeId);
  if (known !== undefined && known !== peer.incarnation)
    return `node ${peer.nodeId} came back without the disk it had (incarnation ${peer.incarnation}, known ${known}): it may have forgotten votes and messages, so it must not rejoin under its old name; restore its data folder`;
  return undefined;
}
