import { create, toBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "@jest/globals";
import type { MethodDefinition } from "@grpc/grpc-js";
import { PeerFrameSchema, PeersService } from "../../src/gen/marconi/v1/peers_pb.js";
import { EncodedFrame, serviceDefinition } from "../../src/rpc/index.js";

describe("the table of methods for gRPC", () => {
  const exchange = serviceDefinition(PeersService)["exchange"] as MethodDefinition<unknown, unknown>;
  const hello = { nodeId: "n1", clusterId: "c", incarnation: "aa", protocolVersion: 1, partitionCount: 2 };

  test("names the method as other languages do, and streams both ways", () => {
    expect(exchange).toMatchObject({
      path: "/marconi.v1.PeersService/Exchange",
      requestStream: true,
      responseStream: true,
    });
  });

  test("messages come back as they were", () => {
    const bytes = exchange.requestSerialize({ hello });
    expect(bytes.equals(toBinary(PeerFrameSchema, create(PeerFrameSchema, { hello })))).toBe(true);
    expect(exchange.responseDeserialize(bytes)).toMatchObject({ hello });
  });

  test("a frame that is encoded already goes out as it is", () => {
    const bytes = Buffer.from([1, 2, 3]);
    expect(exchange.responseSerialize(new EncodedFrame(bytes))).toBe(bytes);
  });

  test("bytes that are no message are refused", () => {
    expect(() => exchange.requestDeserialize(Buffer.from([0xff, 0xff]))).toThrow();
  });
});
