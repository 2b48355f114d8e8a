import { createServer, type Server } from "node:net";
import { logVerbosity, setLogVerbosity } from "@grpc/grpc-js";
import { afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import fs from "node:fs";
import path from "node:path";
import { ClusterAdmin } from "../../src/admin/index.js";
import { type NodeConfig, StartRefusal } from "../../src/config/index.js";
import { createRouter } from "../../src/gateway/router/index.js";
import { runNode } from "../../src/node/index.js";
import { freePorts } from "../support/free-ports.js";
import { temporaryFolders } from "../support/temporary-folder.js";
import { logger } from "./mini-cluster.js";

// Real nodes with real disks start and stop here: a bound on a hang, not on how long that takes.
jest.setTimeout(60_000);

const folder = temporaryFolders();

async function configOf(dataDir: string): Promise<NodeConfig> {
  const port = await freePorts(2);
  return {
    nodeId: "n1",
    clusterId: "00000000-0000-4000-8000-000000000001",
    dataDir,
    listen: `127.0.0.1:${String(port)}`,
    advertise: "",
    members: [{ id: "n1", address: `127.0.0.1:${String(port)}` }],
    join: [],
    replaceData: false,
    leaseReads: false,
    partitions: 2,
    replicationFactor: 1,
    metricsPort: port + 1,
    tickMs: 20,
    heartbeatTicks: 2,
    electionTicks: 10,
    clockSkewMaxMs: 500,
    movesMax: 4,
    segmentMib: 4,
    checkpointLogMib: 1,
    drainMs: 5_000,
    stopTimeoutMs: 20_000,
    logLevel: "fatal",
  };
}

function occupy(port: number): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(port, "127.0.0.1", () => {
      resolve(server);
    });
  });
}

describe("a node", () => {
  const fatal: Error[] = [];
  const context = { log: logger, fatal: (error: Error): void => void fatal.push(error) };

  // gRPC itself tells of a port that is taken.
  beforeAll(() => {
    setLogVerbosity(logVerbosity.NONE);
  });

  afterEach(() => {
    expect(fatal.splice(0)).toEqual([]);
  });

  test.each([
    ["its own", 0],
    ["that of its metrics", 1],
  ])("that finds a port taken, %s, says so and leaves nothing open", async (_, which) => {
    const config = await configOf(folder());
    const port = Number(config.listen.split(":")[1]) + which;
    const server = await occupy(port);
    const start = runNode(config, context);
    await expect(start).rejects.toThrow(StartRefusal);
    await expect(start).rejects.toThrow(String(port));
    await new Promise((resolve) => server.close(resolve));
    // Lock, log, store and the other port are free again.
    const node = await runNode(config, context);
    await node.stop();
  });

  test("that stops in the midst of work ends in order, and what it acknowledged is there afterwards", async () => {
    const config = await configOf(folder());
    const node = await runNode(config, context);
    const router = createRouter({ nodes: [config.listen], log: logger, requestTimeoutMs: 20_000 });
    let acknowledged = 0;
    const work = Promise.all(
      Array.from({ length: 400 }, async (_, i) => {
        const made = await router.createQueue("p", `q${String(i)}`);
        acknowledged++;
        return made;
      }),
    );
    work.catch(() => undefined);
    while (acknowledged < 20) await new Promise((resolve) => setImmediate(resolve));
    const sinceMs = performance.now();
    await node.stop();
    // Nobody could take over, so nobody is waited for.
    expect(performance.now() - sinceMs).toBeLessThan(config.drainMs);
    const again = await runNode(config, context);
    await work;
    expect(acknowledged).toBe(400);
    await router.close(0);
    await again.stop();
  });

  test("refuses to start when its log is gone and nobody else has a copy", async () => {
    const config = await configOf(folder());
    await (await runNode(config, context)).stop();
    fs.rmSync(path.join(config.dataDir, "shard-00", "wal"), { recursive: true });
    for (let attempt = 0; attempt < 2; attempt++)
      await expect(runNode(config, context)).rejects.toThrow(/whose only replica is on this node/);
  });

  test("keeps the partitions that it was founded with, whatever it is started with later", async () => {
    const config = await configOf(folder());
    await (await runNode(config, context)).stop();
    const node = await runNode({ ...config, partitions: 5 }, context);
    const admin = new ClusterAdmin({ addresses: [config.listen], timeoutMs: 10_000 });
    expect((await admin.describe()).map.partitionCount).toBe(2);
    admin.close();
    await node.stop();
  });
});
