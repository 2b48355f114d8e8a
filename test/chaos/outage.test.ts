import { describe, expect, test } from "@jest/globals";
import type { Fault } from "./fault.js";
import { histogramLines, longestSilence, outagesOf, spreadOf, worstPerFault } from "./outage.js";
import type { Probe, ProbeWriter } from "./probe.js";

const fault = (atMs: number, partitions: readonly number[]): Fault => ({
  ...{ kind: "kill", nodes: ["n1"], atMs, startedAgainMs: atMs, partitions, returns: [] },
});

const writer = (partition: number, ...probes: Probe[]): ProbeWriter =>
  ({ partition, probes }) as unknown as ProbeWriter;
const probe = (invoke: number, complete: number, ok = true): Probe => ({ invoke, complete, ok });

describe("outages", () => {
  test("last until the first acknowledgement of a write that began after the fault", () => {
    const early = probe(90, 105);
    const refused = probe(110, 120, false);
    const waited = probe(130, 400);
    expect(outagesOf([fault(100, [3])], [writer(3, early, refused, waited)])).toMatchObject([
      { partition: 3, ms: 300 },
    ]);
  });

  test("concern the partitions that the victim led", () => {
    const probes = [writer(0, probe(100, 110)), writer(1, probe(100, 150))];
    expect(outagesOf([fault(100, [1])], probes)).toMatchObject([{ partition: 1, ms: 50 }]);
  });

  test("never end when nothing is acknowledged any more", () => {
    expect(outagesOf([fault(100, [0])], [writer(0, probe(90, 99))])).toMatchObject([{ ms: Infinity }]);
  });

  test("are told by the partition that waited longest", () => {
    const [a, b] = [fault(0, [0, 1]), fault(1_000, [0])];
    const probes = [writer(0, probe(0, 10), probe(1_000, 1_300)), writer(1, probe(0, 70))];
    expect(worstPerFault(outagesOf([a, b], probes))).toEqual([70, 300]);
  });
});

describe("the longest silence", () => {
  test("lies between acknowledgements, in the order in which they came", () => {
    const out = writer(0, probe(0, 400), probe(10, 100), probe(20, 300, false), probe(500, 520));
    expect(longestSilence(out, 0, 600)).toBe(300);
  });

  test("may reach up to the begin or the end", () => {
    expect(longestSilence(writer(0, probe(0, 90)), 0, 100)).toBe(90);
    expect(longestSilence(writer(0, probe(0, 10)), 0, 100)).toBe(90);
    expect(longestSilence(writer(0, probe(0, 10)), 20, 100)).toBe(80);
  });
});

test("percentiles are by nearest rank", () => {
  const values = Array.from({ length: 100 }, (_, i) => 100 - i);
  expect(spreadOf(values)).toEqual({ count: 100, p50: 50, p99: 99, max: 100 });
  expect(spreadOf([7])).toEqual({ count: 1, p50: 7, p99: 7, max: 7 });
});

test("a histogram shows the steps between the shortest and the longest", () => {
  expect(histogramLines([120, 130, 350])).toEqual([
    `  up to 150 ms     2 ${"#".repeat(40)}`,
    "  up to 200 ms     0 ",
    "  up to 300 ms     0 ",
    `  up to 400 ms     1 ${"#".repeat(20)}`,
  ]);
});
