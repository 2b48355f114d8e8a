import { fromBinary } from "@bufbuild/protobuf";
import { type ExchangeResponse, ExchangeResponseSchema } from "../../src/gen/marconi/v1/partitions_pb.js";
import { PeerFrameSchema } from "../../src/gen/marconi/v1/peers_pb.js";

/**
 * The two frames that make up nearly all of a run's traffic, read by hand: the general decoder of protobuf costs more than all
 * that is done with what it finds. A share of the seeds reads them with it all the same.
 */

const LENGTH_DELIMITED = 2;
const tagOf = (field: number): number => (field << 3) | LENGTH_DELIMITED;

const MESSAGES_TAG = tagOf(PeerFrameSchema.field.messages.number);

/** A cursor over the fields of a frame, all of which are delimited by their lengths. */
class Cursor {
  readonly bytes: Buffer;
  at = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  varint(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.bytes[this.at++] as number;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
  }

  packed(): number[] {
    const values: number[] = [];
    for (const end = this.varint() + this.at; this.at < end;) values.push(this.varint());
    return values;
  }

  view(): Buffer {
    const length = this.varint();
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }
}

/** The `messages` of a PeerFrame that holds nothing else. */
export function messagesOf(frame: Buffer): Uint8Array {
  const cursor = new Cursor(frame);
  if (cursor.varint() !== MESSAGES_TAG) return fromBinary(PeerFrameSchema, frame).messages;
  return cursor.view();
}

const { payload, correlations, statuses, lengths } = ExchangeResponseSchema.field;
const PAYLOAD_TAG = tagOf(payload.number);
const CORRELATIONS_TAG = tagOf(correlations.number);
const STATUSES_TAG = tagOf(statuses.number);
const LENGTHS_TAG = tagOf(lengths.number);

/** An ExchangeResponse. */
export function readResponse(frame: Buffer): ExchangeResponse {
  const cursor = new Cursor(frame);
  const response = {
    $typeName: "marconi.v1.ExchangeResponse" as const,
    correlations: [] as number[],
    statuses: [] as number[],
    lengths: [] as number[],
    payload: new Uint8Array(0),
    leaders: [],
  };
  while (cursor.at < frame.length) {
    const tag = cursor.varint();
    if (tag === PAYLOAD_TAG) response.payload = cursor.view() as Uint8Array<ArrayBuffer>;
    else if (tag === CORRELATIONS_TAG) response.correlations = cursor.packed();
    else if (tag === STATUSES_TAG) response.statuses = cursor.packed();
    else if (tag === LENGTHS_TAG) response.lengths = cursor.packed();
    // A hello or news of leaders: rare.
    else return fromBinary(ExchangeResponseSchema, frame);
  }
  return response;
}
