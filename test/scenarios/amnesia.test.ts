import { describe, expect, it, jest } from "@jest/globals";
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type NodeConfig, type RunningProcess, StartRefusal } from "../../src/config/index.js";
import { runNode } from "../../src/node/index.js";
import { ClusterAdmin } from "../../src/admin/index.js";
import { type ClusterMap, generationOf, seatOf } from "../../src/cluster/index.js";
import { silentLogger } from "../simulation/silent-logger.js";
import { freePorts } from "../support/free-ports.js";
import { temporaryFolders } from "../support/temporary-folder.js";

// A node on a real disk: less than a second, and more on a busy machine.
jest.setTimeout(60_000);

const temporaryFolder = temporaryFolders();

/** Three founding nodes of one cluster. */
async function configsOf(folders: readonly string[]): Promise<NodeConfig[]> {
  const port = await freePorts(6);
  const members = ["n1", "n2", "n3"].map((id, i) => ({ id, address: `127.0.0.1:${String(port + i)}` }));
  return members.map(({ id, address }, i) => ({
    ...{
      nodeId: id,
      clusterId: "6f2f5f60-5f43-4f0c-9d0a-8d3c6c1f5a01",
      dataDir: folders[i]!,
      listen: address,
      members,
    },
    ...{ advertise: "", join: [], replaceData: false, clockSkewMaxMs: 500, movesMax: 4, leaseReads: false },
    ...{ partitions: 2, replicationFactor: 3, metricsPort: port + 3 + i },
    ...{ tickMs: 50, heartbeatTicks: 2, electionTicks: 20 },
    ...{ segmentMib: 1, checkpointLogMib: 32, drainMs: 0, stopTimeoutMs: 10_000, logLevel: "error" },
  }));
}

function start(config: NodeConfig): Promise<RunningProcess> {
  const fatal = (error: Error): never => {
    throw error;
  };
  return runNode(config, { log: silentLogger, fatal });
}

/** What the cluster's map says once every partition is settled and `expected` holds of it. */
async function settledMap(address: string, expected: (map: ClusterMap) => boolean): Promise<ClusterMap> {
  const admin = new ClusterAdmin({ addresses: [address], timeoutMs: 5_000 });
  try {
    for (;;) {
      const { map } = await admin.describe(address).catch(() => ({ map: undefined }));
      const isSettled = map?.partitions
        .concat(map.meta)
        .every(({ target, former }) => target.length + former.length === 0);
      if (map !== undefined && isSettled === true && expected(map)) return map;
      await sleep(50);
    }
  } finally {
    admin.close();
  }
}

/** Of every group, the id of the replica on a seat. */
const idsOn = (map: ClusterMap, seat: number): number[] =>
  map.partitions.concat(map.meta).flatMap(({ replicas }) => replicas.filter((id) => seatOf(id) === seat));

/*
 * The NATS cluster of Jepsen's report lost messages because a server that had lost its disk, or a part of it, voted and acknowledged
 * under its old name. Here a replica whose log is gone never acts again under its id (src/node/recover-replicas.ts), and a node whose
 * whole folder is gone sits on another seat (src/node/enter-cluster.ts); the others fill them.
 * Fails when a log without the node's partitions is taken for that of a first start.
 */
describe("R33: a node forgot", () => {
  it("its log, and then everything: it never counts as what it was", async () => {
    const folders = ["n1", "n2", "n3"].map(() => temporaryFolder());
    const configs = await configsOf(folders);
    const running = await Promise.all(configs.map(start));
    const address = configs[0]!.listen;
    const founded = await settledMap(address, ({ nodes }) => nodes.every(({ incarnation }) => incarnation !== ""));
    expect(idsOn(founded, 3)).toEqual([3, 3, 3]);

    await running[2]!.stop();
    fs.rmSync(path.join(folders[2]!, "shard-00", "wal"), { recursive: true });
    running[2] = await start(configs[2]!);
    const replaced = await settledMap(address, (map) => idsOn(map, 3).every((id) => generationOf(id) > 0));
    expect(idsOn(replaced, 3)).toHaveLength(3);
    expect(replaced.nodes).toHaveLength(3);

    await running[2].stop();
    fs.rmSync(folders[2]!, { recursive: true });
    running[2] = await start(configs[2]!);
    const rejoined = await settledMap(address, ({ nodes }) => nodes[2]?.state === "gone");
    expect(rejoined.nodes[3]).toMatchObject({ id: "n3", seat: 4, state: "active" });
    expect(idsOn(rejoined, 3)).toEqual([]);
    expect(idsOn(rejoined, 4)).toHaveLength(3);
    await Promise.all(running.map((node) => node.stop()));
  });

  it("its log, when there is no other copy: it does not start", async () => {
    const folder = temporaryFolder();
    const [config] = await configsOf([folder, folder, folder]);
    const alone = { ...config!, members: config!.members.slice(0, 1), replicationFactor: 1 };
    await (await start(alone)).stop();
    fs.rmSync(path.join(folder, "shard-00", "wal"), { recursive: true });
    for (let attempt = 0; attempt < 2; attempt++) {
      const refused = start(alone);
      await expect(refused).rejects.toThrow(StartRefusal);
      await expect(refused).rejects.toThrow(/[Rr]estore the whole data folder/);
    }
  });
});
