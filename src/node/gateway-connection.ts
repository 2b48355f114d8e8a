import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { ByteWriter } from "../base/index.js";
import { RequestStatus } from "../contract/index.js";
import {
  type ExchangeResponse,
  ExchangeResponseSchema,
  type LeaderUpdateSchema,
  type MembershipSchema,
} from "../gen/marconi/v1/partitions_pb.js";
import { FrameWriter } from "../rpc/index.js";
import { nodeLimits } from "./limits.js";

export type LeaderUpdateInit = MessageInitShape<typeof LeaderUpdateSchema>;
export type MembershipInit = MessageInitShape<typeof MembershipSchema>;

/** Where the frames of one gateway go; in production a gRPC stream. */
export interface ResponseStream {
  /** An encoded ExchangeResponse. */
  write(frame: Buffer): void;
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
  readonly #frame = new FrameWriter(4_096);
  #payload: ByteWriter | undefined;
  readonly #correlations: number[] = [];
  readonly #statuses: number[] = [];
  readonly #lengths: number[] = [];
  #leaders: LeaderUpdateInit[] = [];
  #membership: MembershipInit | undefined;
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

  /** Bytes of answers that the gateway has not taken yet. */
  get bufferedBytes(): number {
    return this.#stream.bufferedBytes;
  }

  /** Opens the answer to `correlation`; the result is written into the returned writer, then `end`. */
  begin(correlation: number): ByteWriter {
    if (this.#frame.length >= nodeLimits.replyFrameBytesMax) this.flush();
    this.#payload ??= this.#frame.beginBytes(ExchangeResponseSchema.field.payload.number);
    this.#openCorrelation = correlation;
    this.#openAt = this.#frame.length;
    return this.#payload;
  }

  end(): void {
    this.#correlations.push(this.#openCorrelation);
    this.#statuses.push(RequestStatus.ok);
    this.#lengths.push(this.#frame.length - this.#openAt);
  }

  /** Answers without a result. */
  refuse(correlation: number, status: RequestStatus): void {
    if (this.#closed) return;
    this.#correlations.push(correlation);
    this.#statuses.push(status);
    this.#lengths.push(0);
  }

  pushLeader(update: LeaderUpdateInit): void {
    if (!this.#closed) this.#leaders.push(update);
  }

  /** The newest takes the place of one that was not sent yet. */
  pushMembership(membership: MembershipInit): void {
    if (!this.#closed) this.#membership = membership;
  }

  /** Sends what has gathered. A gateway that does not read is closed: its bounded buffer is its limit. */
  flush(): void {
    const hasNews = this.#leaders.length > 0 || this.#membership !== undefined;
    if (this.#closed || (this.#correlations.length === 0 && !hasNews)) return;
    const { correlations, statuses, lengths } = ExchangeResponseSchema.field;
    if (this.#payload !== undefined) this.#frame.endBytes();
    this.#payload = undefined;
    this.#frame.packed(correlations.number, this.#correlations);
    this.#frame.packed(statuses.number, this.#statuses);
    this.#frame.packed(lengths.number, this.#lengths);
    if (hasNews) this.#frame.encoded(toBinary(ExchangeResponseSchema, this.#news()));
    this.#correlations.length = 0;
    this.#statuses.length = 0;
    this.#lengths.length = 0;
    this.#leaders = [];
    this.#membership = undefined;
    this.#stream.write(this.#frame.take());
    if (this.#stream.bufferedBytes > nodeLimits.gatewayBufferedBytesMax) this.close();
  }

  #news(): ExchangeResponse {
    const membership = this.#membership;
    return create(ExchangeResponseSchema, {
      leaders: this.#leaders,
      ...(membership === undefined ? {} : { membership }),
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stream.close();
  }
}
