import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import {
  createCounter,
  createRegistry,
  type MetricsServer,
  sampleGauge,
  startMetricsServer,
} from "../../src/telemetry/index.js";

describe("the metrics server", () => {
  let server: MetricsServer;
  let ready: boolean;
  let failing: boolean;

  beforeEach(async () => {
    ready = true;
    failing = false;
    const registry = createRegistry();
    createCounter(registry, { name: "marconi_test_total", help: "Test." }).add(7);
    const read = (): number => {
      if (failing) throw new Error("no sensor");
      return 1;
    };
    sampleGauge(registry, { name: "marconi_sensor", help: "Test.", read });
    server = await startMetricsServer({ port: 0, host: "127.0.0.1", registry, health: () => true, ready: () => ready });
  });

  afterEach(() => server.close());

  const get = (path: string, method = "GET"): Promise<Response> =>
    fetch(`http://127.0.0.1:${server.port}${path}`, { method });

  test("serves metrics in the format of Prometheus", async () => {
    const response = await get("/metrics?x=1");
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(await response.text()).toContain("marconi_test_total 7");
  });

  test("tells liveness and readiness apart", async () => {
    ready = false;
    expect((await get("/health")).status).toBe(200);
    expect((await get("/ready")).status).toBe(503);
    ready = true;
    expect((await get("/ready")).status).toBe(200);
  });

  test("refuses other paths and methods", async () => {
    expect((await get("/")).status).toBe(404);
    const response = await get("/metrics", "POST");
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe("GET, HEAD");
    expect((await get("/health", "HEAD")).status).toBe(200);
  });

  test("answers 500 when a collector fails, and lives on", async () => {
    failing = true;
    const response = await get("/metrics");
    expect(response.status).toBe(500);
    expect(await response.text()).toContain("no sensor");
    failing = false;
    expect((await get("/metrics")).status).toBe(200);
  });

  test("a port that is taken is an error of the caller", async () => {
    const options = {
      port: server.port,
      host: "127.0.0.1",
      registry: createRegistry(),
      health: () => true,
      ready: () => true,
    };
    await expect(startMetricsServer(options)).rejects.toThrow("EADDRINUSE");
  });
});
