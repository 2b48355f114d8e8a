import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import {
  type Client,
  type ClientDuplexStream,
  credentials,
  makeClientConstructor,
  Server,
  ServerCredentials,
} from "@grpc/grpc-js";
import { RequestStatus } from "../../src/contract/index.js";
import {
  type ExchangeRequest,
  ExchangeRequestSchema,
  type ExchangeResponse,
  PartitionsService,
} from "../../src/gen/marconi/v1/partitions_pb.js";
import type { GatewayConnection } from "../../src/node/gateway-connection.js";
import { registerGatewayService } from "../../src/node/gateway-service.js";
import { nodeLimits } from "../../src/node/limits.js";
import type { Shard } from "../../src/node/shard.js";
import { EncodedFrame, PROTOCOL_VERSION, serviceDefinition } from "../../src/rpc/index.js";
import { eventually } from "../support/eventually.js";
import { foundingOf, viewOf } from "./maps.js";
import { logger, ManualTime } from "./mini-cluster.js";

type Stream = ClientDuplexStream<ExchangeRequest, ExchangeResponse>;
const ClientConstructor = makeClientConstructor(serviceDefinition(PartitionsService), "PartitionsService");
const hello = { protocolVersion: PROTOCOL_VERSION, gateway: "g", clusterId: "" };

/** What a gateway hears over its stream. */
class Caller {
  readonly stream: Stream;
  readonly frames: ExchangeResponse[] = [];
  over = false;

  constructor(client: Client) {
    this.stream = (client as unknown as { exchange(): Stream }).exchange();
    this.stream.on("data", (frame: ExchangeResponse) => this.frames.push(frame));
    this.stream.on("error", () => undefined);
    this.stream.on("close", () => (this.over = true));
    this.stream.on("end", () => (this.over = true));
  }

  send(frame: MessageInitShape<typeof ExchangeRequestSchema>): void {
    this.stream.write(create(ExchangeRequestSchema, frame));
  }
}

describe("the service for gateways", () => {
  const time = new ManualTime();
  let server: Server;
  let client: Client;
  let asked: { correlation: number; partition: number; text: string }[];
  let attached: Set<GatewayConnection>;
  let caller: Caller;

  beforeEach(async () => {
    asked = [];
    attached = new Set();
    const shard = {
      attach: (connection: GatewayConnection) => attached.add(connection),
      detach: (connection: GatewayConnection) => attached.delete(connection),
      request: (connection: GatewayConnection, correlation: number, partition: number, request: Uint8Array) => {
        asked.push({ correlation, partition, text: Buffer.from(request).toString() });
        connection.refuse(correlation, RequestStatus.notLeader);
        connection.flush();
      },
    } as unknown as Shard;
    server = new Server();
    const view = viewOf("n1", foundingOf(1, 12));
    registerGatewayService(server, { clusterId: "c", nodeId: "n1", view, shard, timers: time, log: logger });
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      });
    });
    client = new ClientConstructor(`127.0.0.1:${String(port)}`, credentials.createInsecure());
    caller = new Caller(client);
  });

  afterEach(() => {
    client.close();
    server.forceShutdown();
  });

  test("answers the hello, takes requests apart, and their answers go back", async () => {
    caller.send({ hello });
    caller.send({ correlations: [1, 2, 3], partitions: [4, 5, 6], lengths: [2, 0, 3], payload: Buffer.from("abcde") });
    await eventually("the answers", () => caller.frames.flatMap((frame) => frame.correlations).length === 3);
    expect(caller.frames[0]?.hello).toMatchObject({ clusterId: "c", nodeId: "n1", partitionCount: 12 });
    expect(caller.frames[0]?.hello).toMatchObject({ mapVersion: 1n, members: [{ nodeId: "n1", address: "n1:1" }] });
    expect(asked).toEqual([
      { correlation: 1, partition: 4, text: "ab" },
      { correlation: 2, partition: 5, text: "" },
      { correlation: 3, partition: 6, text: "cde" },
    ]);
    expect(time.running).toBe(0);
  });

  test("requests beside the hello are taken too", async () => {
    caller.send({ hello, correlations: [1], partitions: [0], lengths: [1], payload: Buffer.from("x") });
    await eventually("the request", () => asked.length === 1);
  });

  test.each([
    ["no hello", { correlations: [1], partitions: [0], lengths: [1], payload: Buffer.from("x") }],
    ["another protocol", { hello: { ...hello, protocolVersion: 99 } }],
    ["another cluster", { hello: { ...hello, clusterId: "other" } }],
  ])("a first frame with %s ends the stream, whatever follows", async (_, frame) => {
    caller.send(frame);
    caller.send({ hello });
    await eventually("the end of the stream", () => caller.over);
    expect([attached.size, asked.length, time.running]).toEqual([0, 0, 0]);
  });

  test("a stream that never says hello ends", async () => {
    // The headers of a call travel with its first frame or, as here, on their own.
    await eventually("the stream", () => time.running > 0);
    time.advance(nodeLimits.helloTimeoutMs);
    await eventually("the end of the stream", () => caller.over);
    expect(time.running).toBe(0);
  });

  test.each([
    ["partitions", { correlations: [1, 2], partitions: [0], lengths: [1, 1], payload: Buffer.from("xy") }],
    ["lengths", { correlations: [1, 2], partitions: [0, 0], lengths: [1], payload: Buffer.from("xy") }],
    ["correlations", { correlations: [1], partitions: [0, 0], lengths: [1, 1], payload: Buffer.from("xy") }],
    ["payload", { correlations: [1, 2], partitions: [0, 0], lengths: [1, 2], payload: Buffer.from("xy") }],
    ["rest", { correlations: [1], partitions: [0], lengths: [1], payload: Buffer.from("xy") }],
  ])("a frame whose columns disagree (%s) ends the stream, and nothing of it is done", async (_, frame) => {
    caller.send({ hello });
    await eventually("the hello", () => attached.size === 1);
    caller.send(frame);
    await eventually("the end of the stream", () => caller.over);
    expect([attached.size, asked.length]).toEqual([0, 0]);
  });

  test("bytes that are no frame end the stream, not the node", async () => {
    caller.send({ hello });
    await eventually("the hello", () => attached.size === 1);
    caller.stream.write(new EncodedFrame(Buffer.from([0xff, 0xff, 0xff])) as unknown as ExchangeRequest);
    await eventually("the end of the stream", () => caller.over && attached.size === 0);
    const other = new Caller(client);
    other.send({ hello });
    await eventually("another gateway", () => attached.size === 1);
  });

  test("a second hello is nothing to the node", async () => {
    caller.send({ hello });
    caller.send({ hello });
    caller.send({ correlations: [1], partitions: [0], lengths: [0], payload: Buffer.alloc(0) });
    await eventually("the answer", () => asked.length === 1);
    expect(caller.frames.filter((frame) => frame.hello !== undefined)).toHaveLength(1);
    expect(attached.size).toBe(1);
  });

  test.each([
    ["hangs up", (stream: Stream) => stream.cancel()],
    ["says that it is done", (stream: Stream) => stream.end()],
  ])("a gateway that %s is let go", async (_, leave) => {
    caller.send({ hello });
    await eventually("the hello", () => attached.size === 1);
    leave(caller.stream);
    await eventually("its end", () => attached.size === 0 && caller.over);
  });

  test("a connection that the shard gives up ends the stream", async () => {
    caller.send({ hello });
    await eventually("the hello", () => attached.size === 1);
    for (const connection of attached) connection.close();
    await eventually("the end of the stream", () => caller.over);
    await eventually("its end here", () => attached.size === 0);
  });
});
