import type { Server, ServerDuplexStream, UntypedServiceImplementation } from "@grpc/grpc-js";
import { create } from "@bufbuild/protobuf";
import {
  type ExchangeRequest,
  type ExchangeResponse,
  ExchangeResponseSchema,
  PartitionsService,
} from "../gen/marconi/v1/partitions_pb.js";
import { EncodedFrame, PROTOCOL_VERSION, serviceDefinition } from "../rpc/index.js";
import type { Logger } from "../telemetry/index.js";
import { GatewayConnection, type ResponseStream } from "./gateway-connection.js";
import type { MemberMap } from "./members.js";
import type { Shard } from "./shard.js";

export interface GatewayServiceOptions {
  readonly clusterId: string;
  readonly nodeId: string;
  readonly members: MemberMap;
  readonly shard: Shard;
  readonly log: Logger;
}

type Stream = ServerDuplexStream<ExchangeRequest, ExchangeResponse>;

/** Serves gateways on `server`: one stream each, many requests a frame. */
export function registerGatewayService(server: Server, options: GatewayServiceOptions): void {
  const implementation: UntypedServiceImplementation = {
    exchange: (stream: Stream) => {
      serveGateway(stream, options);
    },
  };
  server.addService(serviceDefinition(PartitionsService), implementation);
}

function serveGateway(stream: Stream, options: GatewayServiceOptions): void {
  const { shard, log } = options;
  let connection: GatewayConnection | undefined;
  const finish = (): void => {
    if (connection === undefined) return;
    shard.detach(connection);
    connection.close();
    log.info({ gateway: connection.name }, "gateway disconnected");
    connection = undefined;
  };
  stream.on("error", finish);
  stream.on("cancelled", finish);
  stream.on("close", finish);
  stream.on("end", () => {
    finish();
    stream.end();
  });
  stream.on("data", (frame: ExchangeRequest) => {
    if (connection !== undefined) {
      takeRequests(shard, connection, frame);
      return;
    }
    connection = greet(stream, frame, options);
    if (connection === undefined) stream.end();
    else shard.attach(connection);
  });
}

/** Answers the hello; undefined when gateway and node do not belong together. */
function greet(stream: Stream, frame: ExchangeRequest, options: GatewayServiceOptions): GatewayConnection | undefined {
  const { hello } = frame;
  if (hello === undefined) return undefined;
  const { clusterId, nodeId, members, log } = options;
  // Sent in any case: it tells the gateway what it has met.
  stream.write(
    create(ExchangeResponseSchema, {
      hello: {
        protocolVersion: PROTOCOL_VERSION,
        clusterId,
        nodeId,
        partitionCount: members.partitionCount,
        members: members.members.map(({ id, address }) => ({ nodeId: id, address })),
      },
    }),
  );
  const stranger = hello.clusterId !== "" && hello.clusterId !== clusterId;
  if (hello.protocolVersion !== PROTOCOL_VERSION || stranger) {
    log.error(
      { gateway: hello.gateway, clusterId: hello.clusterId, protocol: hello.protocolVersion },
      "gateway refused",
    );
    return undefined;
  }
  log.info({ gateway: hello.gateway }, "gateway connected");
  return new GatewayConnection(hello.gateway, new GrpcResponseStream(stream));
}

/** Splits a frame into its requests; a frame whose columns disagree ends the stream. */
function takeRequests(shard: Shard, connection: GatewayConnection, frame: ExchangeRequest): void {
  const { correlations, partitions, lengths, payload } = frame;
  let at = 0;
  for (let i = 0; i < correlations.length; i++) {
    const correlation = correlations[i];
    const partition = partitions[i];
    const length = lengths[i];
    if (correlation === undefined || partition === undefined || length === undefined || at + length > payload.length) {
      connection.close();
      return;
    }
    shard.request(connection, correlation, partition, payload.subarray(at, at + length));
    at += length;
  }
}

class GrpcResponseStream implements ResponseStream {
  readonly #stream: Stream;
  bufferedBytes = 0;

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  write(frame: Buffer): void {
    this.bufferedBytes += frame.length;
    this.#stream.write(new EncodedFrame(frame) as unknown as ExchangeResponse, () => {
      this.bufferedBytes -= frame.length;
    });
  }

  close(): void {
    this.#stream.end();
  }
}
