import { create } from "@bufbuild/protobuf";
import { type ExchangeResponse, ExchangeResponseSchema } from "../../../src/gen/marconi/v1/partitions_pb.js";

/** A node's answer to one request. */
export interface Answer {
  readonly status: number;
  readonly payload: Uint8Array;
}

export interface CorrelatedAnswer extends Answer {
  readonly correlation: number;
}

/** One frame with these answers, in this order. */
export function responseOf(answers: readonly CorrelatedAnswer[]): ExchangeResponse {
  return create(ExchangeResponseSchema, {
    correlations: answers.map(({ correlation }) => correlation),
    statuses: answers.map(({ status }) => status),
    lengths: answers.map(({ payload }) => payload.length),
    payload: Buffer.concat(answers.map(({ payload }) => payload)),
  });
}
