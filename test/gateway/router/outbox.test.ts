import { describe, expect, test } from "@jest/globals";
import { CorrelationTable } from "../../../src/gateway/router/correlation-table.js";
import { routerLimits } from "../../../src/gateway/router/limits.js";
import { Outbox } from "../../../src/gateway/router/outbox.js";
import type { Request } from "../../../src/gateway/router/request.js";
import { requestsOf } from "./memory-transport.js";
import { requestOf } from "./support.js";

const limits = { ...routerLimits, frameBytesMax: 100, frameRequestsMax: 4 };

function filled(...sizes: number[]): { outbox: Outbox; requests: Request[]; inFlight: CorrelationTable<Request> } {
  const outbox = new Outbox(limits);
  const requests = sizes.map((size, i) => requestOf(i, i + 1, Buffer.alloc(size, i + 1)));
  for (const request of requests) outbox.add(request);
  return { outbox, requests, inFlight: new CorrelationTable<Request>() };
}

describe("Outbox", () => {
  test("a frame holds the requests of a turn as columns", () => {
    const { outbox, requests, inFlight } = filled(3, 5);
    expect(outbox.bytes).toBe(8);
    const frame = outbox.nextFrame(inFlight);
    if (frame === undefined) throw new Error("a frame");
    expect(requestsOf(frame).map(({ partition, bytes }) => [partition, Buffer.from(bytes)])).toEqual([
      [0, Buffer.alloc(3, 1)],
      [1, Buffer.alloc(5, 2)],
    ]);
    expect(frame.correlations.map((correlation) => inFlight.take(correlation))).toEqual(requests);
    expect(requests.every((request) => request.inFlight && request.sent)).toBe(true);
    expect(outbox.isEmpty).toBe(true);
    expect(outbox.bytes).toBe(0);
    expect(outbox.nextFrame(inFlight)).toBeUndefined();
  });

  test("frames are bounded in bytes and requests; a larger request goes alone", () => {
    const { outbox, inFlight } = filled(60, 50, 300, 1, 1, 1, 1, 1);
    const lengths: number[][] = [];
    for (let frame = outbox.nextFrame(inFlight); frame !== undefined; frame = outbox.nextFrame(inFlight))
      lengths.push(frame.lengths);
    expect(lengths).toEqual([[60], [50], [300], [1, 1, 1, 1], [1]]);
  });

  test("what was given up is not sent", () => {
    const { outbox, requests, inFlight } = filled(1, 2, 3);
    const [, second] = requests;
    if (second !== undefined) second.settled = true;
    expect(outbox.nextFrame(inFlight)?.lengths).toEqual([1, 3]);
    expect(outbox.bytes).toBe(0);
    const onlySettled = requestOf(0, 9);
    onlySettled.settled = true;
    outbox.add(onlySettled);
    expect(outbox.nextFrame(inFlight)).toBeUndefined();
    expect(outbox.isEmpty).toBe(true);
  });

  test("recalls the requests of one partition", () => {
    const { outbox, requests } = filled(1, 2, 3);
    expect(outbox.recall(1)).toEqual([requests[1]]);
    expect(outbox.bytes).toBe(4);
    expect(outbox.drain()).toEqual([requests[0], requests[2]]);
    expect(outbox.isEmpty).toBe(true);
  });
});
