import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { sendUnaryData, Server, ServerUnaryCall, UntypedServiceImplementation } from "@grpc/grpc-js";
import { DecodeError } from "../base/index.js";
import { decodeCommand, encodeMap, type MapCommand, metaGroup } from "../cluster/index.js";
import {
  type ChangeRequest,
  type ChangeResponse,
  ChangeResponseSchema,
  ClusterService,
  type DescribeRequest,
  type DescribeResponse,
  DescribeResponseSchema,
  type ReplicaReportSchema,
  type TransferLeadershipRequest,
  type TransferLeadershipResponse,
  TransferLeadershipResponseSchema,
} from "../gen/marconi/v1/cluster_pb.js";
import { PROTOCOL_VERSION, serviceDefinition } from "../rpc/index.js";
import type { Logger } from "../telemetry/index.js";
import type { ClusterMember } from "./cluster-member.js";
import type { ClusterView } from "./cluster-view.js";
import { nameOf } from "./hosting.js";
import type { MetaGroup } from "./meta-group.js";
import type { Replica } from "./replica.js";
import type { Shard } from "./shard.js";

export interface ClusterServiceOptions {
  readonly clusterId: string;
  readonly view: ClusterView;
  readonly shard: Shard;
  readonly meta: MetaGroup;
  readonly member: ClusterMember;
  readonly log: Logger;
}

type Unary<Request, Response> = (call: ServerUnaryCall<Request, Response>, callback: sendUnaryData<Response>) => void;

/** Serves operators and joining nodes on `server`. */
export function registerClusterService(server: Server, options: ClusterServiceOptions): void {
  const desk = new ClusterDesk(options);
  const describe: Unary<DescribeRequest, DescribeResponse> = (_, callback) => {
    callback(null, desk.describe());
  };
  const change: Unary<ChangeRequest, ChangeResponse> = ({ request }, callback) => {
    desk.change(request).then(
      (outcome) => {
        callback(null, create(ChangeResponseSchema, { outcome }));
      },
      (error: unknown) => {
        callback(error as Error);
      },
    );
  };
  const transferLeadership: Unary<TransferLeadershipRequest, TransferLeadershipResponse> = ({ request }, callback) => {
    callback(null, create(TransferLeadershipResponseSchema, { outcome: desk.transfer(request) }));
  };
  const implementation: UntypedServiceImplementation = { describe, change, transferLeadership };
  server.addService(serviceDefinition(ClusterService), implementation);
}

type ChangeOutcome = NonNullable<MessageInitShape<typeof ChangeResponseSchema>["outcome"]>;
type TransferOutcome = NonNullable<MessageInitShape<typeof TransferLeadershipResponseSchema>["outcome"]>;

/** What a node answers to questions about its cluster, and what it does about requests to change it. */
class ClusterDesk {
  readonly #options: ClusterServiceOptions;

  constructor(options: ClusterServiceOptions) {
    this.#options = options;
  }

  describe(): DescribeResponse {
    const { clusterId, view, shard, member } = this.#options;
    const replicas = [...shard.replicas.values()];
    return create(DescribeResponseSchema, {
      protocolVersion: PROTOCOL_VERSION,
      clusterId,
      nodeId: view.nodeId,
      map: encodeMap(view.map),
      replicas: replicas.map(reportOf),
      connectedNodeIds: [...member.connectedNodes],
      metaLeaderNodeId: this.#leaderOf(metaGroup) ?? "",
      clockAheadMs: BigInt(Math.round(member.clockAheadMs)),
      bodyBytes: BigInt(replicas.reduce((sum, replica) => sum + replica.machine.stats().bodyBytes, 0)),
    });
  }

  /** The node that leads a group, as far as this one knows. */
  #leaderOf(group: number): string | undefined {
    const { view, shard } = this.#options;
    const leader = shard.replicas.get(group)?.leadership.leader ?? 0;
    return leader === 0 ? undefined : view.nodeOf(leader);
  }

  async change(request: ChangeRequest): Promise<ChangeOutcome> {
    const { meta, log } = this.#options;
    const stranger = this.#refuseStranger(request);
    if (stranger !== undefined) return { case: "refused", value: stranger };
    let command: MapCommand;
    try {
      command = decodeCommand(request.command);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      return { case: "refused", value: `the change cannot be read: ${error.message}` };
    }
    if (!meta.leads) return this.#redirect(metaGroup);
    const denied = this.#denied(command);
    if (denied !== undefined) return { case: "refused", value: denied };
    log.info({ command }, "asked to change the cluster map");
    const outcome = await meta.change(command);
    if ("refused" in outcome) return { case: "refused", value: outcome.refused };
    if (!("lost" in outcome)) return { case: "map", value: encodeMap(outcome.map) };
    if (outcome.lost === "not-leader") return this.#redirect(metaGroup);
    return { case: "unknown", value: "the leader of the meta group changed while the change was on its way" };
  }

  /** What the map alone cannot know: a node that runs has not lost its disk, whoever else comes under its name. */
  #denied(command: MapCommand): string | undefined {
    const { view, member } = this.#options;
    if (command.op !== "add-node") return undefined;
    const present = view.node(command.id);
    const other = present !== undefined && present.incarnation !== "" && present.incarnation !== command.incarnation;
    if (!other || !member.alive().has(present.seat)) return undefined;
    return `node ${command.id} is running with another data folder: stop it first, or give the new node another --node-id`;
  }

  transfer({ group, toNodeId, ...request }: TransferLeadershipRequest): TransferOutcome {
    const { shard, view } = this.#options;
    const stranger = this.#refuseStranger(request);
    if (stranger !== undefined) return { case: "refused", value: stranger };
    if (!view.has(group))
      return {
        case: "refused",
        value: `there is no partition ${String(group)}: they count from 0 to ${String(view.partitionCount - 1)}`,
      };
    const replica = shard.replicas.get(group);
    if (replica?.serving !== true) return this.#redirect(group);
    if (toNodeId === view.nodeId) return { case: "toNodeId", value: toNodeId };
    const targets = shard.successors(replica).filter((id) => toNodeId === "" || view.nodeOf(id) === toNodeId);
    if (targets.length === 0) {
      const who = toNodeId === "" ? "no other node" : `node ${toNodeId}`;
      return { case: "refused", value: `${who} holds a voter of ${nameOf(group)} that is in reach` };
    }
    const to = targets.find((id) => shard.transfer(replica, id));
    if (to === undefined)
      return {
        case: "refused",
        value: `nobody is close enough to the end of the log of ${nameOf(group)}: try again soon`,
      };
    return { case: "toNodeId", value: view.nodeOf(to) ?? "" };
  }

  #refuseStranger(request: { readonly protocolVersion: number; readonly clusterId: string }): string | undefined {
    const { clusterId } = this.#options;
    if (request.protocolVersion !== PROTOCOL_VERSION)
      return `this node speaks protocol ${String(PROTOCOL_VERSION)}, not ${String(request.protocolVersion)}: use the same release`;
    if (request.clusterId !== "" && request.clusterId !== clusterId)
      return `this node belongs to cluster ${clusterId}, not to ${request.clusterId}`;
    return undefined;
  }

  /** The leader first, if known, then all that hold the group. */
  #redirect(group: number): { readonly case: "redirect"; readonly value: { readonly addresses: string[] } } {
    const { view } = this.#options;
    const nodes = new Set([this.#leaderOf(group), ...(view.has(group) ? view.holdersOf(group) : [])]);
    const addresses = [...nodes].flatMap((id) => {
      const node = id === undefined || id === view.nodeId ? undefined : view.node(id);
      return node === undefined ? [] : [node.address];
    });
    return { case: "redirect", value: { addresses } };
  }
}

function reportOf(replica: Replica): MessageInitShape<typeof ReplicaReportSchema> {
  const status = replica.core.status();
  const { voters, outgoing, learners } = status.configuration;
  const wide = (ids: readonly number[]): bigint[] => ids.map(BigInt);
  return {
    group: replica.group,
    replica: BigInt(replica.id),
    role: status.role,
    term: BigInt(status.term),
    leader: BigInt(status.leader),
    commit: BigInt(status.commit),
    applied: BigInt(replica.machine.appliedIndex),
    lastIndex: BigInt(status.lastIndex),
    voters: wide(voters),
    outgoing: wide(outgoing),
    learners: wide(learners),
    peers: status.peers.map(({ id, match, state, recentlyActive }) => {
      return { replica: BigInt(id), match: BigInt(match), state, recentlyActive };
    }),
    installing: replica.installing,
  };
}
