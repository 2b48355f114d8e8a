import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { ByteWriter } from "../base/index.js";
import { RequestStatus } from "../contract/index.js";
import {
  type ExchangeResponse,
  ExchangeResponseSchema,
  type LeaderUpdateSchema,
} from "../gen/marconi/v1/partitions_pb.js";
import { nodeLimits } from "./limits.js";

export type LeaderUpdateInit = MessageInitShape<typeof LeaderUpdateSchema>;

/** Where the frames of one gateway go; in production a gRPC stream. */
export interface ResponseStream {
  /** `bytes` is the payload's size, for the bound on what waits. */
  write(frame: ExchangeResponse, bytes: number): void;
  readonly bufferedBytes: number;
  close(): void;
}

/**
 * The answers to one gateway, gathered into one frame per event-loop turn. A result is written by the state machine straight
 * into the frame's payload.
 */
export class GatewayConnection {
  readonly name: string;
  readonly #stream: ResponseStream;
  readonly #payload = new ByteWriter(4_096);
  #correlations: number[] = [];
  #statuses: number[] = [];
  #lengths: number[] = [];
  #leaders: LeaderUpdateInit[] = [];
  #openCorrelation = 0;
  #openAt = 0;
  #closed = false;
  /** Set by the shard: true while this connection is in its list of those to flush. */
  queued = false;

  constructor(name: string, stream: ResponseStream) {
    this.name = name;
    this.#stream = stream;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Opens the answer to `correlation`; the result is written into the returned writer, then `end`. */
  begin(correlation: number): ByteWriter {
    if (this.#payload.length >= nodeLimits.replyFrameBytesMax) this.flush();
    this.#openCorrelation = correlation;
    this.#openAt = this.#payload.length;
    return this.#payload;
  }

  end(): void {
    this.#correlations.push(this.#openCorrelation);
    this.#statuses.push(RequestStatus.ok);
    this.#lengths.push(this.#payload.length - this.#openAt);
  }

  /** Answers without a result. */
  refuse(correlation: number, status: RequestStatus): void {
    this.#correlations.push(correlation);
    this.#statuses.push(status);
    this.#lengths.push(0);
  }

  pushLeader(update: LeaderUpdateInit): void {
    this.#leaders.push(update);
  }

  /** Sends what has gathered. A gateway that does not read is closed: its bounded buffer is its limit. */
  flush(): void {
    if (this.#closed || (this.#correlations.length === 0 && this.#leaders.length === 0)) return;
    const payload = this.#payload.take();
    const frame = create(ExchangeResponseSchema, {
      correlations: this.#correlations,
      statuses: this.#statuses,
      lengths: this.#lengths,
      payload,
      leaders: this.#leaders,
    });
    this.#correlations = [];
    this.#statuses = [];
    this.#lengths = [];
    this.#leaders = [];
    this.#stream.write(frame, payload.length);
    if (this.#stream.bufferedBytes > nodeLimits.gatewayBufferedBytesMax) this.close();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stream.close();
  }
}
