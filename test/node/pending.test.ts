import { fromBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "@jest/globals";
import { RequestStatus } from "../../src/contract/index.js";
import { type ExchangeResponse, ExchangeResponseSchema } from "../../src/gen/marconi/v1/partitions_pb.js";
import { GatewayConnection } from "../../src/node/gateway-connection.js";
import { nodeLimits } from "../../src/node/limits.js";
import { PendingCommands } from "../../src/node/pending-commands.js";
import { PendingReads } from "../../src/node/pending-reads.js";

class Recorder {
  frames: ExchangeResponse[] = [];
  bufferedBytes = 0;
  closed = false;
  write(frame: Buffer): void {
    this.frames.push(fromBinary(ExchangeResponseSchema, frame));
    this.bufferedBytes += frame.length;
  }
  close(): void {
    this.closed = true;
  }
}

function connect(): { stream: Recorder; connection: GatewayConnection } {
  const stream = new Recorder();
  return { stream, connection: new GatewayConnection("g", stream) };
}

const ignore = (): undefined => undefined;

describe("answers to a gateway", () => {
  test("one frame per flush holds results and refusals in order, with their lengths", () => {
    const { stream, connection } = connect();
    connection.begin(5).raw(Buffer.from("abc"));
    connection.end();
    connection.refuse(6, RequestStatus.notLeader);
    connection.begin(7).raw(Buffer.from("d"));
    connection.end();
    connection.flush();
    connection.flush();
    expect(stream.frames).toHaveLength(1);
    const frame = stream.frames[0];
    expect(frame?.correlations).toEqual([5, 6, 7]);
    expect(frame?.statuses).toEqual([RequestStatus.ok, RequestStatus.notLeader, RequestStatus.ok]);
    expect(frame?.lengths).toEqual([3, 0, 1]);
    expect(Buffer.from(frame?.payload ?? []).toString()).toBe("abcd");
  });

  test("a gateway that does not read is closed at the bound", () => {
    const { stream, connection } = connect();
    stream.bufferedBytes = nodeLimits.gatewayBufferedBytesMax;
    connection.begin(1).u8(1);
    connection.end();
    connection.flush();
    expect(stream.closed).toBe(true);
    expect(connection.closed).toBe(true);
  });

  test("a frame that is full goes out before the next answer", () => {
    const { stream, connection } = connect();
    connection.begin(1).raw(Buffer.alloc(nodeLimits.replyFrameBytesMax));
    connection.end();
    connection.begin(2).u8(1);
    connection.end();
    connection.flush();
    expect(stream.frames.map((frame) => frame.correlations)).toEqual([[1], [2]]);
  });
});

describe("pending commands", () => {
  test("a queue is bounded by count and by bytes", () => {
    const { connection } = connect();
    const pending = new PendingCommands(ignore);
    const half = Buffer.alloc(nodeLimits.queuedBytesMax / 2);
    expect(pending.enqueue(connection, 1, half)).toBe(true);
    expect(pending.enqueue(connection, 2, half)).toBe(true);
    expect(pending.enqueue(connection, 3, Buffer.alloc(1))).toBe(false);
    expect(pending.queuedBytes).toBe(nodeLimits.queuedBytesMax);
  });

  test("an entry takes commands in order up to its bound, and one larger command alone", () => {
    const { connection } = connect();
    const pending = new PendingCommands(ignore);
    const sizes = [nodeLimits.entryBytesMax + 10, 1_000, nodeLimits.entryBytesMax];
    sizes.forEach((size, i) => pending.enqueue(connection, i, Buffer.alloc(size)));
    const taken: number[][] = [];
    for (let index = 1; pending.queuedCount > 0; index++) {
      const entry: number[] = [];
      const count = pending.peek((command) => entry.push(command.length));
      pending.proposed(count, index, 1, 0);
      taken.push(entry);
    }
    expect(taken).toEqual([[sizes[0]], [1_000], [sizes[2]]]);
    expect(pending.queuedBytes).toBe(0);
  });

  test("results go to who asked; a connection that is gone is skipped", () => {
    const gone = connect();
    const here = connect();
    const pending = new PendingCommands(ignore);
    pending.enqueue(gone.connection, 1, Buffer.alloc(1));
    pending.enqueue(here.connection, 2, Buffer.alloc(1));
    pending.proposed(2, 10, 3, 0);
    gone.connection.close();
    expect(pending.resolve(9, 3)).toBeUndefined();
    const sink = pending.resolve(10, 3)?.sink;
    expect(sink?.begin(0)).toBeUndefined();
    sink?.begin(1)?.u8(7);
    sink?.end(1);
    here.connection.flush();
    expect(here.stream.frames[0]?.correlations).toEqual([2]);
  });

  test("when leadership is lost, what was proposed is unknown and what was queued was not done", () => {
    const { stream, connection } = connect();
    const pending = new PendingCommands(ignore);
    pending.enqueue(connection, 1, Buffer.alloc(1));
    pending.proposed(1, 10, 3, 0);
    pending.enqueue(connection, 2, Buffer.alloc(1));
    pending.failAll();
    connection.flush();
    expect(stream.frames[0]?.correlations).toEqual([1, 2]);
    expect(stream.frames[0]?.statuses).toEqual([RequestStatus.unknownOutcome, RequestStatus.notLeader]);
    expect(pending.queuedCount + pending.proposedCount).toBe(0);
  });
});

describe("pending reads", () => {
  test("reads of a turn share a context and wait for the confirmed index", () => {
    const { connection } = connect();
    const reads = new PendingReads(ignore);
    for (const correlation of [1, 2]) reads.enqueue({ connection, correlation, query: Buffer.alloc(1) });
    const first = reads.nextContext();
    expect(reads.nextContext()).toBeUndefined();
    reads.enqueue({ connection, correlation: 3, query: Buffer.alloc(1) });
    const second = reads.nextContext();
    expect(second).not.toBe(first);
    reads.granted(first ?? 0, 10);
    expect(reads.release(9)).toEqual([]);
    expect(reads.release(10).map((read) => read.correlation)).toEqual([1, 2]);
    expect(reads.count).toBe(1);
  });

  test("a refused round and a lost leadership send readers elsewhere", () => {
    const { stream, connection } = connect();
    const reads = new PendingReads(ignore);
    reads.enqueue({ connection, correlation: 1, query: Buffer.alloc(1) });
    reads.granted(reads.nextContext() ?? 0, 0);
    reads.enqueue({ connection, correlation: 2, query: Buffer.alloc(1) });
    reads.granted(reads.nextContext() ?? 0, 50);
    reads.enqueue({ connection, correlation: 3, query: Buffer.alloc(1) });
    reads.nextContext();
    reads.enqueue({ connection, correlation: 4, query: Buffer.alloc(1) });
    reads.failAll();
    connection.flush();
    expect(stream.frames[0]?.correlations).toEqual([1, 4, 3, 2]);
    expect(new Set(stream.frames[0]?.statuses)).toEqual(new Set([RequestStatus.notLeader]));
    expect(reads.count).toBe(0);
  });

  test("readers are bounded", () => {
    const { connection } = connect();
    const reads = new PendingReads(ignore);
    for (let i = 0; i < nodeLimits.queuedReadsMax; i++)
      expect(reads.enqueue({ connection, correlation: i, query: Buffer.alloc(1) })).toBe(true);
    expect(reads.enqueue({ connection, correlation: 0, query: Buffer.alloc(1) })).toBe(false);
  });
});
