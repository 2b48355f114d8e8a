import { describe, expect, it, jest } from "@jest/globals";
import fs from "node:fs";
import path from "node:path";
import { type NodeConfig, type RunningProcess, StartRefusal } from "../../src/config/index.js";
import { runNode } from "../../src/node/index.js";
import { PeerRegistry } from "../../src/node/peer-registry.js";
import { RealFileSystem } from "../../src/storage/index.js";
import { silentLogger } from "../simulation/silent-logger.js";
import { freePorts } from "../support/free-ports.js";
import { temporaryFolders } from "../support/temporary-folder.js";

// A node on a real disk: less than a second, and more on a busy machine.
jest.setTimeout(60_000);

const temporaryFolder = temporaryFolders();

/** One of three nodes; the other two are down. */
async function configOf(dataDir: string): Promise<NodeConfig> {
  const port = await freePorts(4);
  const members = ["n1", "n2", "n3"].map((id, i) => ({ id, address: `127.0.0.1:${String(port + i)}` }));
  return {
    ...{
      nodeId: "n1",
      clusterId: "6f2f5f60-5f43-4f0c-9d0a-8d3c6c1f5a01",
      dataDir,
      listen: members[0]!.address,
      members,
    },
    ...{ partitions: 2, replicationFactor: 3, metricsPort: port + 3, tickMs: 50, heartbeatTicks: 2, electionTicks: 20 },
    ...{ segmentMib: 1, checkpointLogMib: 32, drainMs: 0, stopTimeoutMs: 10_000, logLevel: "error" },
  };
}

function start(config: NodeConfig): Promise<RunningProcess> {
  const fatal = (error: Error): never => {
    throw error;
  };
  return runNode(config, { log: silentLogger, fatal });
}

/*
 * The NATS cluster of Jepsen's report lost messages because a server that had lost its disk, or a part of it, voted and acknowledged
 * under its old name. A node that has met its peers does not start without its log (`openReplicas` in src/node/run-node.ts), and one
 * whose whole folder is gone comes back under another incarnation, which its peers refuse (src/peer/identity-check.ts, tested in
 * test/peer/grpc-peers.test.ts).
 * Fails when a log without the node's partitions is taken for that of a first start.
 */
describe("R33: a node forgot everything", () => {
  it("and does not start under its old name, however often it is tried", async () => {
    const dataDir = temporaryFolder();
    const config = await configOf(dataDir);
    await (await start(config)).stop();
    const registry = await PeerRegistry.open(new RealFileSystem(), dataDir);
    await registry.remember("n2", "00000000000000aa");
    await (await start(config)).stop();
    fs.rmSync(path.join(dataDir, "shard-00", "wal"), { recursive: true });
    for (let attempt = 0; attempt < 2; attempt++) {
      const refused = start(config);
      await expect(refused).rejects.toThrow(StartRefusal);
      await expect(refused).rejects.toThrow(/met its peers.*restore the whole data folder/);
    }
  });
});
