import { create } from "@bufbuild/protobuf";
import { assert } from "../../base/index.js";
import { type ExchangeRequest, ExchangeRequestSchema } from "../../gen/marconi/v1/partitions_pb.js";
import type { CorrelationTable } from "./correlation-table.js";
import type { RouterLimits } from "./limits.js";
import type { Request } from "./request.js";

/** Requests for one node that are not on its stream yet, and how they become frames. */
export class Outbox {
  readonly #limits: RouterLimits;
  #requests: Request[] = [];
  #head = 0;
  #bytes = 0;

  constructor(limits: RouterLimits) {
    this.#limits = limits;
  }

  get isEmpty(): boolean {
    return this.#head === this.#requests.length;
  }

  /** Of the requests in it, those given up meanwhile included. */
  get bytes(): number {
    return this.#bytes;
  }

  add(request: Request): void {
    this.#requests.push(request);
    this.#bytes += request.bytes.length;
  }

  /** Takes back the requests of one partition, oldest first. */
  recall(partition: number): Request[] {
    const all = this.drain();
    const recalled: Request[] = [];
    for (const request of all) {
      if (request.partition === partition) recalled.push(request);
      else this.add(request);
    }
    return recalled;
  }

  /** Empties it, oldest first. */
  drain(): Request[] {
    const requests = this.#requests.slice(this.#head).filter((request) => !request.settled);
    this.#requests = [];
    this.#head = 0;
    this.#bytes = 0;
    return requests;
  }

  /** The next frame, its requests entered in `inFlight`; undefined when nothing is left to send. */
  nextFrame(inFlight: CorrelationTable<Request>): ExchangeRequest | undefined {
    const { frameBytesMax, frameRequestsMax } = this.#limits;
    const batch: Request[] = [];
    let size = 0;
    while (this.#head < this.#requests.length && batch.length < frameRequestsMax) {
      const request = this.#requests[this.#head];
      assert(request !== undefined, "the head is inside");
      if (batch.length > 0 && size + request.bytes.length > frameBytesMax) break;
      this.#head += 1;
      this.#bytes -= request.bytes.length;
      if (request.settled) continue;
      batch.push(request);
      size += request.bytes.length;
    }
    if (this.isEmpty) {
      this.#requests.length = 0;
      this.#head = 0;
    }
    return batch.length === 0 ? undefined : frameOf(batch, size, inFlight);
  }
}

function frameOf(batch: readonly Request[], size: number, inFlight: CorrelationTable<Request>): ExchangeRequest {
  const correlations: number[] = [];
  const partitions: number[] = [];
  const lengths: number[] = [];
  // One request is its own payload: the common case of a large one goes without a copy.
  const only = batch.length === 1 ? batch[0] : undefined;
  const payload = only?.bytes ?? Buffer.allocUnsafe(size);
  let at = 0;
  for (const request of batch) {
    request.correlation = inFlight.add(request);
    request.sent = true;
    correlations.push(request.correlation);
    partitions.push(request.partition);
    lengths.push(request.bytes.length);
    if (only === undefined) payload.set(request.bytes, at);
    at += request.bytes.length;
  }
  return create(ExchangeRequestSchema, { correlations, partitions, lengths, payload });
}
