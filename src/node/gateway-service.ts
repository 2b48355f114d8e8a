import type { Server, ServerDuplexStream, UntypedServiceImplementation } from "@grpc/grpc-js";
import { create } from "@bufbuild/protobuf";
import type { Timers } from "../base/index.js";
import {
  type ExchangeRequest,
  type ExchangeResponse,
  ExchangeResponseSchema,
  PartitionsService,
} from "../gen/marconi/v1/partitions_pb.js";
import { EncodedFrame, PROTOCOL_VERSION, serviceDefinition } from "../rpc/index.js";
import type { Logger } from "../telemetry/index.js";
import { GatewayConnection, type ResponseStream } from "./gateway-connection.js";
import { nodeLimits } from "./limits.js";
import type { ClusterView } from "./cluster-view.js";
import type { Shard } from "./shard.js";

export interface GatewayServiceOptions {
  readonly clusterId: string;
  readonly nodeId: string;
  readonly view: ClusterView;
  readonly shard: Shard;
  readonly timers: Timers;
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
  const { shard, log, timers } = options;
  let connection: GatewayConnection | undefined;
  let over = false;
  const finish = (): void => {
    if (over) return;
    over = true;
    helloTimer.cancel();
    if (connection !== undefined) {
      shard.detach(connection);
      connection.close();
      log.info({ gateway: connection.name }, "gateway disconnected");
    }
    stream.end();
  };
  const helloTimer = timers.after(nodeLimits.helloTimeoutMs, finish);
  stream.on("error", finish);
  stream.on("cancelled", finish);
  stream.on("close", finish);
  stream.on("end", finish);
  stream.on("data", (frame: ExchangeRequest) => {
    if (over) return;
    if (connection === undefined) {
      connection = greet(stream, frame, options);
      if (connection === undefined) {
        finish();
        return;
      }
      helloTimer.cancel();
      shard.attach(connection);
    }
    if (!takeRequests(shard, connection, frame)) {
      log.error({ gateway: connection.name }, "gateway sent a malformed frame; its stream is closed");
      finish();
    } else if (connection.closed) finish();
  });
}

/** Answers the hello; undefined when gateway and node do not belong together. */
function greet(stream: Stream, frame: ExchangeRequest, options: GatewayServiceOptions): GatewayConnection | undefined {
  const { hello } = frame;
  const { clusterId, nodeId, view, log } = options;
  if (hello === undefined) {
    log.error("a gateway's first frame carries no hello; its stream is closed");
    return undefined;
  }
  const { version, members } = view.membership();
  // Sent in any case: it tells the gateway what it has met.
  stream.write(
    create(ExchangeResponseSchema, {
      hello: {
        protocolVersion: PROTOCOL_VERSION,
        clusterId,
        nodeId,
        partitionCount: view.partitionCount,
        members,
        mapVersion: version,
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

/** Splits a frame into its requests; false, and nothing is done, when its columns disagree. */
function takeRequests(shard: Shard, connection: GatewayConnection, frame: ExchangeRequest): boolean {
  const { correlations, partitions, lengths, payload } = frame;
  const count = correlations.length;
  if (partitions.length !== count || lengths.length !== count) return false;
  let total = 0;
  for (let i = 0; i < count; i++) total += lengths[i] as number;
  if (total !== payload.length) return false;
  let at = 0;
  for (let i = 0; i < count; i++) {
    const end = at + (lengths[i] as number);
    shard.request(connection, correlations[i] as number, partitions[i] as number, payload.subarray(at, end));
    at = end;
  }
  return true;
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
