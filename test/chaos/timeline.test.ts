import { describe, expect, test } from "@jest/globals";
import { setTimeout as sleep } from "node:timers/promises";
import type { ProbeWriter } from "./probe.js";
import { Stretches } from "./stretches.js";
import { Timeline } from "./timeline.js";

describe("a timeline", () => {
  test("tells of the operations that ended in a window, from its begin up to its end", () => {
    const timeline = new Timeline();
    timeline.add(0, 999);
    timeline.add(980, 1_000);
    timeline.add(900, 1_400);
    timeline.add(1_990, 2_000);
    expect(timeline.window(1_000, 2_000)).toEqual({ seconds: 1, perSecond: 2, p50Ms: 20, p99Ms: 500, maxMs: 500 });
  });

  test("knows nothing of a window in which nothing ended", () => {
    expect(new Timeline().window(0, 500)).toEqual({ seconds: 0.5, perSecond: 0, p50Ms: NaN, p99Ms: NaN, maxMs: NaN });
  });
});

test("stretches follow each other, and name the partition that was silent longest", async () => {
  const acknowledged = (partition: number, ...completes: number[]): ProbeWriter =>
    ({ partition, probes: completes.map((complete) => ({ invoke: 0, complete, ok: true })) }) as unknown as ProbeWriter;
  const nowMs = performance.now();
  const busy = Array.from({ length: 1_000 }, (_, i) => nowMs + i);
  const stretches = new Stretches(new Timeline(), [acknowledged(0, ...busy), acknowledged(1)]);
  await sleep(30);
  const first = stretches.end("first");
  const second = stretches.end("second");
  expect(stretches.all).toEqual([first, second]);
  expect([first.name, first.partition]).toEqual(["first", 1]);
  expect(first.outageMs).toBeCloseTo(first.seconds * 1_000, 5);
});
