import { PROTOCOL_VERSION } from "../rpc/index.js";

export interface PeerIdentity {
  readonly protocolVersion: number;
  readonly clusterId: string;
  readonly nodeId: string;
  readonly incarnation: string;
  readonly partitionCount: number;
}

/**
 * What this node's map says of a node. `unknown`: nothing, which may change, since the map may be old. `evicted`: that
 * incarnation was removed or replaced, for ever; `reason` says how,
 * as the end of a sentence, without advice.
 */
export type Standing =
  { readonly kind: "member" } | { readonly kind: "unknown" } | { readonly kind: "evicted"; readonly reason: string };

/** What this node demands of a peer; asked afresh for every hello, since the membership changes. */
export interface IdentityRules {
  readonly own: PeerIdentity;
  /** A founding member that the map knows by name only is a member in any incarnation: then `incarnationOf` decides. */
  standingOf(node: string, incarnation: string): Standing;
  /** The incarnation of a member: what the map says, else what the node was when first met, which is kept on disk. */
  incarnationOf(node: string): string | undefined;
  /** Resolves when the incarnation is on disk: only then may the peer's votes count. */
  rememberIncarnation(node: string, incarnation: string): Promise<void>;
}

/** Why a node is not heard. */
export interface Refusal {
  /** Says what an operator can do; it names both nodes, since both write it into their logs. */
  readonly reason: string;
  /** The refused incarnation is no member any more, for ever. */
  readonly evicted: boolean;
  /** The next map of one of the two nodes may make the peer welcome. */
  readonly mayPass: boolean;
}

/** The reason to refuse a peer; undefined when it is welcome. */
export function refusalOf(rules: IdentityRules, peer: PeerIdentity): Refusal | undefined {
  const { own } = rules;
  if (peer.protocolVersion !== PROTOCOL_VERSION)
    return always(
      `node ${peer.nodeId} speaks protocol ${String(peer.protocolVersion)}, node ${own.nodeId} protocol ${String(PROTOCOL_VERSION)}: run the same release on both`,
    );
  if (peer.clusterId !== own.clusterId)
    return always(
      `node ${peer.nodeId} belongs to cluster ${peer.clusterId}, node ${own.nodeId} to cluster ${own.clusterId}: check --cluster-id of both, and the addresses in --join or in the founding list --members`,
    );
  if (peer.nodeId === own.nodeId)
    return always(`two nodes call themselves ${own.nodeId}: give every node its own --node-id`);
  const standing = rules.standingOf(peer.nodeId, peer.incarnation);
  if (standing.kind === "unknown")
    return passing(`node ${peer.nodeId} is not a member of this cluster: start it with --join`);
  if (standing.kind === "evicted")
    return {
      reason: `node ${peer.nodeId} with incarnation ${peer.incarnation} is no member any more: ${standing.reason}; to take the node in again, as a new member, start it with --join and --replace-data`,
      evicted: true,
      mayPass: false,
    };
  if (peer.partitionCount !== own.partitionCount)
    return always(
      `node ${peer.nodeId} has ${String(peer.partitionCount)} partitions, node ${own.nodeId} ${String(own.partitionCount)}: --partitions is fixed when a cluster is made`,
    );
  const known = rules.incarnationOf(peer.nodeId);
  if (known !== undefined && known !== peer.incarnation)
    return always(
      `node ${peer.nodeId} came back without the disk it had (incarnation ${peer.incarnation}, known ${known}): it may have forgotten votes and messages, so it must not go on as the member it was; restore its data folder, or start it with --join so that it takes its place as a new one`,
    );
  return undefined;
}

/** The reason to refuse the node that answered in place of the one that was dialled. */
export function mistakenFor(
  dialled: { readonly node: string; readonly address: string },
  peer: PeerIdentity,
): Refusal | undefined {
  if (dialled.node === peer.nodeId) return undefined;
  return always(
    `the node at ${dialled.address} calls itself ${peer.nodeId}, but that is where ${dialled.node} was said to be: correct the address in --members, or start ${dialled.node} with the --advertise address where it is reached now`,
  );
}

/** The map already has the node, but its address has not come to the network yet. */
export function notYetKnown(rules: IdentityRules, peer: PeerIdentity): Refusal {
  return passing(
    `node ${rules.own.nodeId} has not taken up node ${peer.nodeId} yet: it will be heard as soon as the map of the cluster has arrived`,
  );
}

/** Whether `peer` may tell this node that it is no member any more: only a member of the same cluster knows. */
export function mayEvict(rules: IdentityRules, peer: PeerIdentity): boolean {
  if (peer.clusterId !== rules.own.clusterId || peer.nodeId === rules.own.nodeId) return false;
  if (rules.standingOf(peer.nodeId, peer.incarnation).kind !== "member") return false;
  const known = rules.incarnationOf(peer.nodeId);
  return known === undefined || known === peer.incarnation;
}

function always(reason: string): Refusal {
  return { reason, evicted: false, mayPass: false };
}

function passing(reason: string): Refusal {
  return { reason, evicted: false, mayPass: true };
}
