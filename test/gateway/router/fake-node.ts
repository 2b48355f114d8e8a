import { create } from "@bufbuild/protobuf";
import { Server, ServerCredentials, type ServerDuplexStream, type UntypedServiceImplementation } from "@grpc/grpc-js";
import {
  type ExchangeRequest,
  type ExchangeResponse,
  ExchangeResponseSchema,
  PartitionsService,
} from "../../../src/gen/marconi/v1/partitions_pb.js";
import { channelOptions, PROTOCOL_VERSION, serviceDefinition } from "../../../src/rpc/index.js";
import { type CorrelatedAnswer, responseOf } from "./fake-answers.js";
import type { FakeCluster, MembershipList } from "./fake-cluster.js";

type Stream = ServerDuplexStream<ExchangeRequest, ExchangeResponse>;

export interface ReceivedRequest {
  readonly correlation: number;
  readonly partition: number;
  readonly bytes: Uint8Array;
}

/** What to do with a request: answer; say nothing for ever; answer with a status only; do it but never say so. */
export type Behaviour = "answer" | "ignore" | "execute-silently" | { readonly status: number };

/** A storage node for gateways' eyes, over real gRPC: knows its cluster's state, and misbehaves to order. */
export class FakeNode {
  readonly id: string;
  readonly cluster: FakeCluster;
  readonly received: ReceivedRequest[] = [];
  readonly hellos: { gateway: string; clusterId: string }[] = [];
  framesReceived = 0;
  streamsOpened = 0;
  behave: (request: ReceivedRequest) => Behaviour = () => "answer";
  /** Answers of a frame in which order. */
  arrange: (answers: CorrelatedAnswer[]) => CorrelatedAnswer[] = (answers) => answers;
  protocolVersion = PROTOCOL_VERSION;
  clusterId: string;
  /** What it says of the members; default: all nodes of the cluster. */
  members: { nodeId: string; address: string }[] | undefined;
  keepsReceived = true;
  port = 0;
  #server: Server | undefined;
  #streams = new Set<Stream>();

  constructor(id: string, cluster: FakeCluster) {
    this.id = id;
    this.cluster = cluster;
    this.clusterId = cluster.id;
    cluster.nodes.set(id, this);
  }

  get address(): string {
    return `127.0.0.1:${String(this.port)}`;
  }

  /** Listens; on the port of last time, if there was one. */
  async start(): Promise<void> {
    const server = new Server(channelOptions);
    const implementation: UntypedServiceImplementation = {
      exchange: (stream: Stream) => {
        this.#serve(stream);
      },
    };
    server.addService(serviceDefinition(PartitionsService), implementation);
    this.port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(this.address, ServerCredentials.createInsecure(), (error, port) => {
        if (error === null) resolve(port);
        else reject(error);
      });
    });
    this.#server = server;
  }

  /** As if the process were killed. */
  kill(): void {
    this.#server?.forceShutdown();
    this.#server = undefined;
    this.#streams.clear();
  }

  /** Ends the streams; the node lives on. */
  endStreams(): void {
    for (const stream of this.#streams) stream.end();
    this.#streams.clear();
  }

  pushLeader(partition: number, term: number, leaderNodeId: string, serving: boolean): void {
    const leaders = [{ partition, term: BigInt(term), leaderNodeId, serving }];
    this.push(create(ExchangeResponseSchema, { leaders }));
  }

  pushMembership(membership: MembershipList): void {
    this.push(create(ExchangeResponseSchema, { membership }));
  }

  /** Sends a frame to every gateway. */
  push(frame: ExchangeResponse): void {
    for (const stream of this.#streams) stream.write(frame);
  }

  #serve(stream: Stream): void {
    this.streamsOpened += 1;
    let greeted = false;
    const gone = (): void => {
      this.#streams.delete(stream);
    };
    stream.on("error", gone);
    stream.on("cancelled", gone);
    stream.on("end", () => {
      gone();
      stream.end();
    });
    stream.on("data", (frame: ExchangeRequest) => {
      this.framesReceived += 1;
      if (!greeted && frame.hello !== undefined) {
        greeted = true;
        this.hellos.push({ gateway: frame.hello.gateway, clusterId: frame.hello.clusterId });
        this.#greet(stream);
        this.#streams.add(stream);
      }
      if (frame.correlations.length > 0) this.#answer(stream, frame);
    });
  }

  #greet(stream: Stream): void {
    const leaders = [...this.cluster.partitions.entries()]
      .filter(([, { leader }]) => leader === this.id)
      .map(([partition, { term, serving }]) => ({ partition, term: BigInt(term), leaderNodeId: this.id, serving }));
    const hello = {
      protocolVersion: this.protocolVersion,
      clusterId: this.clusterId,
      nodeId: this.id,
      partitionCount: this.cluster.partitions.length,
      members: this.members ?? this.cluster.membership.members,
      mapVersion: this.cluster.membership.version,
    };
    stream.write(create(ExchangeResponseSchema, { hello, leaders }));
  }

  #answer(stream: Stream, frame: ExchangeRequest): void {
    const answers: CorrelatedAnswer[] = [];
    let at = 0;
    for (const [i, correlation] of frame.correlations.entries()) {
      const end = at + (frame.lengths[i] ?? 0);
      const request = { correlation, partition: frame.partitions[i] ?? 0, bytes: frame.payload.subarray(at, end) };
      at = end;
      if (this.keepsReceived) this.received.push(request);
      const behaviour = this.behave(request);
      if (behaviour === "ignore") continue;
      const answer =
        typeof behaviour === "object"
          ? { status: behaviour.status, payload: new Uint8Array(0) }
          : this.cluster.handle(this.id, request.partition, request.bytes);
      if (behaviour !== "execute-silently") answers.push({ correlation, ...answer });
    }
    if (answers.length > 0 && !stream.destroyed) stream.write(responseOf(this.arrange(answers)));
  }
}
