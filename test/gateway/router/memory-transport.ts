import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { Connection, ConnectionHandlers, Transport } from "../../../src/gateway/router/index.js";
import {
  type ExchangeRequest,
  ExchangeResponseSchema,
  type LeaderUpdateSchema,
  type MemberSchema,
} from "../../../src/gen/marconi/v1/partitions_pb.js";
import { PROTOCOL_VERSION } from "../../../src/rpc/index.js";

export interface SentRequest {
  readonly correlation: number;
  readonly partition: number;
  readonly bytes: Uint8Array;
}

interface Update {
  readonly partition: number;
  readonly term: number;
  readonly leader: string;
  readonly serving?: boolean;
}

/** The node's end of a connection, played by a test. */
export class MemoryConnection implements Connection {
  readonly address: string;
  readonly frames: ExchangeRequest[] = [];
  closed = false;
  failed = false;
  /** What `send` returns. */
  takesMore = true;
  readonly #handlers: ConnectionHandlers;

  constructor(address: string, handlers: ConnectionHandlers) {
    this.address = address;
    this.#handlers = handlers;
  }

  send(frame: ExchangeRequest): boolean {
    this.frames.push(frame);
    return this.takesMore;
  }

  close(): void {
    this.closed = true;
  }

  /** All requests that came over it. */
  get requests(): SentRequest[] {
    return this.frames.flatMap(requestsOf);
  }

  drain(): void {
    this.takesMore = true;
    this.#handlers.drained();
  }

  reply(frame: MessageInitShape<typeof ExchangeResponseSchema>): void {
    this.#handlers.frame(create(ExchangeResponseSchema, frame));
  }

  /** A hello of `nodeId`, and what it leads. Members are as in `membership`. */
  hello(
    nodeId: string,
    options: { partitions?: number; members?: string[]; version?: number; updates?: Update[]; clusterId?: string } = {},
  ): void {
    this.reply({
      hello: {
        protocolVersion: PROTOCOL_VERSION,
        clusterId: options.clusterId ?? "cluster-a",
        nodeId,
        partitionCount: options.partitions ?? 1,
        members: membersOf(options.members ?? []),
        mapVersion: BigInt(options.version ?? 1),
      },
      leaders: updatesOf(options.updates ?? []),
    });
  }

  /** Members are "a", reached at a:1, or "a@address". */
  membership(version: number, ...members: string[]): void {
    this.reply({ membership: { version: BigInt(version), members: membersOf(members) } });
  }

  news(...updates: Update[]): void {
    this.reply({ leaders: updatesOf(updates) });
  }

  answer(correlation: number, status: number, payload: Uint8Array = new Uint8Array(0)): void {
    this.reply({ correlations: [correlation], statuses: [status], lengths: [payload.length], payload });
  }

  fail(reason = "broken"): void {
    this.failed = true;
    this.#handlers.closed(reason);
  }
}

function membersOf(members: readonly string[]): MessageInitShape<typeof MemberSchema>[] {
  return members.map((member) => {
    const [nodeId = "", address = `${nodeId}:1`] = member.split("@");
    return { nodeId, address };
  });
}

function updatesOf(updates: readonly Update[]): MessageInitShape<typeof LeaderUpdateSchema>[] {
  return updates.map(({ partition, term, leader, serving }) => ({
    partition,
    term: BigInt(term),
    leaderNodeId: leader,
    serving: serving ?? leader !== "",
  }));
}

export function requestsOf(frame: ExchangeRequest): SentRequest[] {
  let at = 0;
  return frame.correlations.map((correlation, i) => {
    const start = at;
    at += frame.lengths[i] ?? 0;
    return { correlation, partition: frame.partitions[i] ?? 0, bytes: frame.payload.subarray(start, at) };
  });
}

/** Connections that end in the test. */
export class MemoryTransport implements Transport {
  readonly connections: MemoryConnection[] = [];

  connect(address: string, handlers: ConnectionHandlers): Connection {
    const connection = new MemoryConnection(address, handlers);
    this.connections.push(connection);
    return connection;
  }

  /** The latest connection to an address. */
  to(address: string): MemoryConnection {
    const connection = this.connections.findLast((other) => other.address === address);
    if (connection === undefined) throw new Error(`nobody dialled ${address}`);
    return connection;
  }

  /** Addresses of the connections that were not closed by the router, nor by `fail`. */
  get open(): string[] {
    return this.connections.filter(({ closed, failed }) => !closed && !failed).map(({ address }) => address);
  }

  dials(address: string): number {
    return this.connections.filter((other) => other.address === address).length;
  }
}
