import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type ExchangeRequest,
  ExchangeRequestSchema,
  ExchangeResponseSchema,
} from "../../src/gen/marconi/v1/partitions_pb.js";
import { GatewayConnection, type ResponseStream } from "../../src/node/gateway-connection.js";
import type { ClusterView } from "../../src/node/cluster-view.js";
import type { Shard } from "../../src/node/shard.js";
import { PROTOCOL_VERSION } from "../../src/rpc/index.js";
import { readResponse } from "./hot-frames.js";
import type { StreamEnd, StreamHandlers } from "./sim-stream.js";

export const CLUSTER_ID = "simulated";
export const GATEWAY_SERVICE = "gateways";

/** Serves one gateway on `end`, as `gateway-service.ts` does over gRPC. */
export function serveGateway(
  shard: Shard,
  end: StreamEnd,
  nodeId: string,
  view: ClusterView,
  encodesFrames: boolean,
): StreamHandlers {
  let connection: GatewayConnection | undefined;
  const stream = new SimResponseStream(end, encodesFrames);
  const hello = {
    protocolVersion: PROTOCOL_VERSION,
    clusterId: CLUSTER_ID,
    nodeId,
    partitionCount: view.partitionCount,
  };
  return {
    data: (payload) => {
      const frame = encodesFrames
        ? fromBinary(ExchangeRequestSchema, payload as Uint8Array)
        : (payload as ExchangeRequest);
      if (connection !== undefined) {
        takeRequests(shard, connection, frame);
        return;
      }
      const { version, members } = view.membership();
      stream.write(
        Buffer.from(
          toBinary(
            ExchangeResponseSchema,
            create(ExchangeResponseSchema, { hello: { ...hello, mapVersion: version, members } }),
          ),
        ),
      );
      connection = new GatewayConnection(frame.hello?.gateway ?? "", stream);
      shard.attach(connection);
    },
    closed: () => {
      if (connection === undefined) return;
      shard.detach(connection);
      connection.close();
    },
  };
}

function takeRequests(shard: Shard, connection: GatewayConnection, frame: ExchangeRequest): void {
  const { correlations, partitions, lengths, payload } = frame;
  let at = 0;
  for (let i = 0; i < correlations.length; i++) {
    const length = lengths[i] as number;
    shard.request(connection, correlations[i] as number, partitions[i] as number, payload.subarray(at, at + length));
    at += length;
  }
}

class SimResponseStream implements ResponseStream {
  readonly #end: StreamEnd;
  readonly #encodes: boolean;

  constructor(end: StreamEnd, encodes: boolean) {
    this.#end = end;
    this.#encodes = encodes;
  }

  get bufferedBytes(): number {
    return this.#end.bufferedBytes;
  }

  write(frame: Buffer): void {
    this.#end.send(this.#encodes ? frame : readResponse(frame), frame.length);
  }

  close(): void {
    this.#end.close();
  }
}
