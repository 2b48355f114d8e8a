import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type sendUnaryData, Server, ServerCredentials, type ServerUnaryCall, status } from "@grpc/grpc-js";
import { decodeCommand, encodeMap, foundingMap, type MapCommand } from "../../src/cluster/index.js";
import {
  type ChangeRequest,
  type ChangeResponse,
  ChangeResponseSchema,
  ClusterService,
  type DescribeRequest,
  type DescribeResponse,
  DescribeResponseSchema,
  type TransferLeadershipRequest,
  type TransferLeadershipResponse,
  TransferLeadershipResponseSchema,
} from "../../src/gen/marconi/v1/cluster_pb.js";
import { channelOptions, PROTOCOL_VERSION, serviceDefinition } from "../../src/rpc/index.js";

export const clusterId = "4f2c1a52-6f0e-4a0e-9d5a-0c7a3a1f7f11";

/** Three nodes, four partitions. */
export const standInMap = foundingMap({
  members: ["n1", "n2", "n3"].map((id, i) => ({ id, address: `127.0.0.1:${7101 + i}` })),
  partitionCount: 4,
  replicationFactor: 3,
});

/** Answers with a gRPC status. */
export class Failure {
  readonly code: status;

  constructor(code: status) {
    this.code = code;
  }
}

/** `mute` keeps the question and never answers; `drop` breaks the connection off. */
type Manner<R> = R | "mute" | "drop" | Failure;
export type ChangeAnswer = Manner<MessageInitShape<typeof ChangeResponseSchema>["outcome"]>;
export type TransferAnswer = Manner<MessageInitShape<typeof TransferLeadershipResponseSchema>["outcome"]>;
export type DescribeAnswer = Manner<MessageInitShape<typeof DescribeResponseSchema>>;

export const mapAnswer = { case: "map", value: encodeMap(standInMap) } as const;
export const redirectTo = (...addresses: string[]) => ({ case: "redirect", value: { addresses } }) as const;

/** A node that answers as it is told: real gRPC in front of a script. The last answer of a script is given for ever. */
export class StandInNode {
  readonly commands: MapCommand[] = [];
  readonly clusterIds: string[] = [];
  readonly transfers: { readonly group: number; readonly toNodeId: string }[] = [];
  changes: ChangeAnswer[] = [mapAnswer];
  leaderships: TransferAnswer[] = [{ case: "toNodeId", value: "n2" }];
  description: DescribeAnswer;
  address = "";
  readonly #server = new Server(channelOptions);

  constructor(nodeId: string) {
    this.description = {
      protocolVersion: PROTOCOL_VERSION,
      clusterId,
      nodeId,
      map: encodeMap(standInMap),
    };
    this.#server.addService(serviceDefinition(ClusterService), {
      describe: (_call: ServerUnaryCall<DescribeRequest, DescribeResponse>, done: sendUnaryData<DescribeResponse>) =>
        this.#answer(this.description, (init) => create(DescribeResponseSchema, init), done),
      change: ({ request }: ServerUnaryCall<ChangeRequest, ChangeResponse>, done: sendUnaryData<ChangeResponse>) => {
        this.commands.push(decodeCommand(request.command));
        this.clusterIds.push(request.clusterId);
        const answer = this.changes.length > 1 ? this.changes.shift() : this.changes[0];
        this.#answer(answer, (outcome) => create(ChangeResponseSchema, outcome === undefined ? {} : { outcome }), done);
      },
      transferLeadership: (
        { request }: ServerUnaryCall<TransferLeadershipRequest, TransferLeadershipResponse>,
        done: sendUnaryData<TransferLeadershipResponse>,
      ) => {
        this.transfers.push({ group: request.group, toNodeId: request.toNodeId });
        const answer = this.leaderships.length > 1 ? this.leaderships.shift() : this.leaderships[0];
        const respond = (outcome: Exclude<TransferAnswer, string | Failure>) =>
          create(TransferLeadershipResponseSchema, outcome === undefined ? {} : { outcome });
        this.#answer(answer, respond, done);
      },
    });
  }

  /** @param port 0: any that is free */
  async listen(port = 0): Promise<this> {
    const bound = await new Promise<number>((resolve, reject) => {
      const credentials = ServerCredentials.createInsecure();
      this.#server.bindAsync(`127.0.0.1:${String(port)}`, credentials, (error, at) =>
        error === null ? resolve(at) : reject(error),
      );
    });
    this.address = `127.0.0.1:${String(bound)}`;
    return this;
  }

  stop(): void {
    this.#server.forceShutdown();
  }

  #answer<A, R>(answer: Manner<A>, respond: (answer: A) => R, done: sendUnaryData<R>): void {
    if (answer === "mute") return;
    if (answer === "drop") this.stop();
    else if (answer instanceof Failure) done({ code: answer.code, details: `status ${status[answer.code]}` });
    else done(null, respond(answer));
  }
}
