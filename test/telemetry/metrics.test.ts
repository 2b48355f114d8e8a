import { describe, expect, test } from "@jest/globals";
import {
  createCounter,
  createCounterFamily,
  createHistogram,
  createHistogramFamily,
  createRegistry,
  exponentialBounds,
  sampleCounter,
  sampleGauge,
} from "../../src/telemetry/index.js";

describe("counters", () => {
  test("are read as they stand at the scrape", async () => {
    const registry = createRegistry();
    const posted = createCounter(registry, { name: "marconi_test_total", help: "Test." });
    posted.add();
    posted.add(41);
    expect(posted.value).toBe(42);
    expect(await registry.getSingleMetricAsString("marconi_test_total")).toBe(
      "# HELP marconi_test_total Test.\n# TYPE marconi_test_total counter\nmarconi_test_total 42",
    );
    posted.add();
    expect(await registry.getSingleMetricAsString("marconi_test_total")).toContain("marconi_test_total 43");
  });

  test("of a family keep one series for each combination of labels", async () => {
    const registry = createRegistry();
    const options = { name: "marconi_rejected_total", help: "Test.", labelNames: ["reason", "kind"] as const };
    const family = createCounterFamily(registry, options);
    expect(family.with({ reason: "bytes", kind: "a" })).toBe(family.with({ kind: "a", reason: "bytes" }));
    family.with({ reason: "bytes", kind: "a" }).add(2);
    family.with({ reason: 'say "no"\n', kind: "b" }).add();
    const text = await registry.getSingleMetricAsString("marconi_rejected_total");
    expect(text).toContain('marconi_rejected_total{reason="bytes",kind="a"} 2');
    expect(text).toContain('marconi_rejected_total{reason="say \\"no\\"\\n",kind="b"} 1');
  });
});

describe("histograms", () => {
  test("count a value in the first bucket whose bound is not below it, and all in +Inf", async () => {
    const registry = createRegistry();
    const histogram = createHistogram(registry, {
      name: "marconi_test_seconds",
      help: "Test.",
      bounds: [0.001, 0.01, 0.1],
    });
    for (const value of [0, 0.001, 0.0011, 0.01, 0.05, 0.1, 0.2, 7]) histogram.observe(value);
    expect(histogram.cumulativeCounts()).toEqual([2, 4, 6, 8]);
    expect((await registry.getSingleMetricAsString("marconi_test_seconds")).split("\n")).toEqual([
      "# HELP marconi_test_seconds Test.",
      "# TYPE marconi_test_seconds histogram",
      'marconi_test_seconds_bucket{le="0.001"} 2',
      'marconi_test_seconds_bucket{le="0.01"} 4',
      'marconi_test_seconds_bucket{le="0.1"} 6',
      'marconi_test_seconds_bucket{le="+Inf"} 8',
      expect.stringMatching(/^marconi_test_seconds_sum 7\.36/),
      "marconi_test_seconds_count 8",
    ]);
  });

  test("of a family carry their labels on every line", async () => {
    const registry = createRegistry();
    const family = createHistogramFamily(registry, {
      name: "marconi_test_bytes",
      help: "Test.",
      bounds: [1],
      labelNames: ["route"],
    });
    family.with({ route: "/v1" }).observe(1);
    const text = await registry.getSingleMetricAsString("marconi_test_bytes");
    expect(text).toContain('marconi_test_bytes_bucket{route="/v1",le="1"} 1');
    expect(text).toContain('marconi_test_bytes_sum{route="/v1"} 1');
    expect(text).toContain('marconi_test_bytes_count{route="/v1"} 1');
  });

  test("refuse bounds that do not ascend and names that Prometheus would refuse", () => {
    const registry = createRegistry();
    expect(() => createHistogram(registry, { name: "marconi_x", help: "Test.", bounds: [2, 1] })).toThrow("ascend");
    expect(() => createHistogram(registry, { name: "marconi-x", help: "Test.", bounds: [1] })).toThrow("metric name");
  });

  test("bounds grow by their factor and print short", () => {
    expect(exponentialBounds(0.0001, 2, 5)).toEqual([0.0001, 0.0002, 0.0004, 0.0008, 0.0016]);
    expect(exponentialBounds(0.0001, 10, 4)).toEqual([0.0001, 0.001, 0.01, 0.1]);
  });
});

describe("samples", () => {
  test("are asked for at each scrape, and what is gone is not shown again", async () => {
    const registry = createRegistry();
    let depths = [{ labels: { partition: 1 }, value: 5 }];
    let retries = 3;
    sampleGauge(registry, { name: "marconi_depth", help: "Test.", labelNames: ["partition"], read: () => depths });
    sampleCounter(registry, { name: "marconi_retries_total", help: "Test.", read: () => retries });
    expect(await registry.getSingleMetricAsString("marconi_depth")).toContain('marconi_depth{partition="1"} 5');
    expect(await registry.getSingleMetricAsString("marconi_retries_total")).toContain("marconi_retries_total 3");
    depths = [{ labels: { partition: 2 }, value: 0 }];
    retries = 4;
    const text = await registry.getSingleMetricAsString("marconi_depth");
    expect(text).toContain('marconi_depth{partition="2"} 0');
    expect(text).not.toContain('partition="1"');
    expect(await registry.getSingleMetricAsString("marconi_retries_total")).toContain("marconi_retries_total 4");
  });
});

describe("the registry of a process", () => {
  test("exports event-loop delay, garbage collection, memory and CPU", async () => {
    const text = await createRegistry().metrics();
    for (const name of [
      "nodejs_eventloop_lag_p99_seconds",
      "nodejs_eventloop_lag_max_seconds",
      "nodejs_gc_duration_seconds",
      "process_resident_memory_bytes",
      "process_cpu_seconds_total",
    ]) {
      expect(text).toContain(`# TYPE ${name} `);
    }
  });

  test("names as promtool wants them: only counters end in _total, and all of them do", async () => {
    const text = await createRegistry().metrics();
    for (const [, name, type] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
      expect({ name, endsInTotal: name?.endsWith("_total") }).toEqual({ name, endsInTotal: type === "counter" });
    }
  });

  test("two of them do not share anything", async () => {
    const [first, second] = [createRegistry(), createRegistry()];
    createCounter(first, { name: "marconi_test_total", help: "Test." }).add();
    expect(await second.metrics()).not.toContain("marconi_test_total");
  });
});
