import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { create } from "@bufbuild/protobuf";
import { Server, ServerCredentials, type ServerDuplexStream, type UntypedServiceImplementation } from "@grpc/grpc-js";
import { GrpcTransport } from "../../../src/gateway/router/grpc-transport.js";
import type { Connection } from "../../../src/gateway/router/index.js";
import {
  type ExchangeRequest,
  ExchangeRequestSchema,
  type ExchangeResponse,
  PartitionsService,
} from "../../../src/gen/marconi/v1/partitions_pb.js";
import { channelOptions, serviceDefinition } from "../../../src/rpc/index.js";
import { responseOf } from "./fake-answers.js";
import { eventually } from "./support.js";

type Stream = ServerDuplexStream<ExchangeRequest, ExchangeResponse>;

const requestFrame = (bytes: number): ExchangeRequest =>
  create(ExchangeRequestSchema, {
    correlations: [7],
    partitions: [3],
    lengths: [bytes],
    payload: Buffer.alloc(bytes, 1),
  });

describe("GrpcTransport", () => {
  let server: Server;
  let address: string;
  let streams: Stream[];
  let received: ExchangeRequest[];
  let connection: Connection | undefined;
  const heard = { frames: [] as ExchangeResponse[], drained: 0, closed: [] as string[] };
  const handlers = {
    frame: (frame: ExchangeResponse) => heard.frames.push(frame),
    drained: () => {
      heard.drained += 1;
    },
    closed: (reason: string) => heard.closed.push(reason),
  };

  beforeEach(async () => {
    streams = [];
    received = [];
    Object.assign(heard, { frames: [], drained: 0, closed: [] });
    server = new Server(channelOptions);
    const implementation: UntypedServiceImplementation = {
      exchange: (stream: Stream) => {
        streams.push(stream);
        stream.on("error", () => undefined);
        stream.on("data", (frame: ExchangeRequest) => received.push(frame));
      },
    };
    server.addService(serviceDefinition(PartitionsService), implementation);
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      });
    });
    address = `127.0.0.1:${String(port)}`;
  });

  afterEach(() => {
    connection?.close();
    server.forceShutdown();
  });

  test("carries frames both ways, those sent before the connection stands included", async () => {
    connection = new GrpcTransport().connect(address, handlers);
    expect(connection.send(requestFrame(10), 10)).toBe(true);
    await eventually(() => received.length === 1);
    expect(received[0]).toMatchObject({ correlations: [7], partitions: [3], lengths: [10] });
    streams[0]?.write(responseOf([{ correlation: 7, status: 1, payload: Buffer.from("hi") }]));
    await eventually(() => heard.frames.length === 1);
    expect(Buffer.from(heard.frames[0]?.payload ?? []).toString()).toBe("hi");
  });

  test("says when enough waits, and when more may be sent", async () => {
    connection = new GrpcTransport({ unsentBytesMax: 100_000 }).connect(address, handlers);
    expect(connection.send(requestFrame(60_000), 60_000)).toBe(true);
    expect(connection.send(requestFrame(60_000), 60_000)).toBe(false);
    expect(heard.drained).toBe(0);
    await eventually(() => heard.drained === 1);
    await eventually(() => received.length === 2);
    expect(connection.send(requestFrame(10), 10)).toBe(true);
  });

  test("a node that does not read holds the sender back", async () => {
    connection = new GrpcTransport({ unsentBytesMax: 1_000_000 }).connect(address, handlers);
    connection.send(requestFrame(1), 1);
    await eventually(() => received.length === 1);
    streams[0]?.pause();
    let sentBytes = 0;
    let stuckMs = 0;
    while (stuckMs < 300) {
      const drainedBefore = heard.drained;
      sentBytes += 500_000;
      if (connection.send(requestFrame(500_000), 500_000)) continue;
      const startMs = performance.now();
      await eventually(() => heard.drained > drainedBefore || performance.now() - startMs > 300);
      stuckMs = heard.drained > drainedBefore ? 0 : performance.now() - startMs;
      expect(sentBytes).toBeLessThan(64 * 1024 * 1024);
    }
    streams[0]?.resume();
    const drainedBefore = heard.drained;
    await eventually(() => heard.drained > drainedBefore);
  });

  test("reports that the node ended the stream, or is not there, once", async () => {
    connection = new GrpcTransport().connect(address, handlers);
    connection.send(requestFrame(1), 1);
    await eventually(() => streams.length === 1);
    streams[0]?.end();
    await eventually(() => heard.closed.length === 1);
    server.forceShutdown();
    new GrpcTransport().connect(address, handlers);
    await eventually(() => heard.closed.length === 2);
    expect(heard.closed[1]).toContain("UNAVAILABLE");
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(heard.closed).toHaveLength(2);
  });

  test("is silent after close", async () => {
    connection = new GrpcTransport().connect(address, handlers);
    connection.send(requestFrame(1), 1);
    await eventually(() => streams.length === 1);
    connection.close();
    connection.close();
    expect(connection.send(requestFrame(1), 1)).toBe(true);
    streams[0]?.write(responseOf([]));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(heard).toEqual({ frames: [], drained: 0, closed: [] });
  });
});
