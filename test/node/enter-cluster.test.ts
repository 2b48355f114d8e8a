import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { type ClusterMap, encodeMap } from "../../src/cluster/index.js";
import { type NodeConfig, StartRefusal } from "../../src/config/index.js";
import { type Entered, enterCluster } from "../../src/node/enter-cluster.js";
import { nodeLimits } from "../../src/node/limits.js";
import { MapFile } from "../../src/node/map-file.js";
import { type DataDirectory, MemoryFileSystem } from "../../src/storage/index.js";
import { clusterId, StandInNode } from "../admin/stand-in-node.js";
import { freePorts } from "../support/free-ports.js";
import { foundingOf, incarnationAt, withNodes } from "./maps.js";
import { logger } from "./mini-cluster.js";

const OWN = "0000000000000abc";
const SELF = "127.0.0.1:1";

describe("a node that starts", () => {
  const limits = nodeLimits as { joinTimeoutMs: number };
  const { joinTimeoutMs } = nodeLimits;
  let others: StandInNode[];
  let files: MemoryFileSystem;

  beforeEach(async () => {
    files = new MemoryFileSystem();
    others = [await new StandInNode("n2").listen(), await new StandInNode("n3").listen()];
  });

  afterEach(() => {
    limits.joinTimeoutMs = joinTimeoutMs;
    for (const node of others) node.stop();
  });

  const addresses = (): string[] => others.map(({ address }) => address);

  function start(more: Partial<NodeConfig> = {}, incarnation = OWN): Promise<Entered> {
    const members = [
      { id: "n1", address: SELF },
      { id: "n2", address: addresses()[0] as string },
      { id: "n3", address: addresses()[1] as string },
    ];
    const config = { nodeId: "n1", clusterId, listen: SELF, advertise: "", members, join: [], partitions: 4 };
    const data = { nodeId: "n1", incarnation, path: "/data" } as DataDirectory;
    const whole = { ...config, replicationFactor: 3, ...more } as NodeConfig;
    return enterCluster({ config: whole, data, mapFile: new MapFile(files, "."), log: logger });
  }

  function all(map: ClusterMap, more = {}): void {
    for (const node of others) node.description = { ...(node.description as object), map: encodeMap(map), ...more };
  }

  /** What the others know of n1. */
  function running(incarnation: string, state: "active" | "lost" = "active"): ClusterMap {
    return withNodes(foundingOf(3, 4), ({ seat }) => (seat === 1 ? { incarnation, state } : {}));
  }

  const asked = (): unknown[] => others.flatMap(({ commands }) => commands);

  describe("as a founder", () => {
    const founding = foundingOf(3, 4);

    test("founds a cluster when nobody answers", async () => {
      for (const node of others) node.stop();
      const { map, stored } = await start();
      expect(stored).toBe(false);
      expect(map).toMatchObject({ version: 1, partitionCount: 4, foundingReplicationFactor: 3, nodes: { length: 3 } });
      expect(map.nodes[0]).toMatchObject({ id: "n1", address: SELF, incarnation: "" });
    });

    test("founds it with others that are about to, whatever they were told", async () => {
      all(foundingOf(3, 9));
      expect((await start()).map).toMatchObject({ version: 1, partitionCount: 4 });
    });

    test("goes into a cluster that runs and has not met it yet, or knows it as it is", async () => {
      for (const incarnation of ["", OWN]) {
        const map = running(incarnation);
        all(map);
        expect(await start()).toEqual({ map, stored: false });
      }
      expect(asked()).toEqual([]);
    });

    test("takes the newest map of those that it hears of", async () => {
      all(running(OWN));
      const newer = { ...running(OWN), version: 9 };
      others[1]!.description = { ...(others[1]!.description as object), map: encodeMap(newer) };
      expect((await start()).map.version).toBe(9);
      others[0]!.stop();
      expect((await start()).map.version).toBe(9);
    });

    test("joins again when the cluster knew it with another disk", async () => {
      all(running(incarnationAt(1)));
      const joined = running(OWN);
      others[0]!.changes = [{ case: "map", value: encodeMap(joined) }];
      expect(await start()).toEqual({ map: joined, stored: false });
      expect(asked()).toEqual([{ op: "add-node", id: "n1", incarnation: OWN, address: SELF }]);
    });

    test("is refused when the cluster that runs is without it", async () => {
      all(withNodes(foundingOf(3, 4), ({ seat }) => (seat === 1 ? { id: "n9" } : {})));
      await expect(start()).rejects.toThrow(StartRefusal);
      await expect(start()).rejects.toThrow("start it with --join");
    });

    test("does not mind what another cluster says", async () => {
      all(running(incarnationAt(1)), { clusterId: "00000000-0000-4000-8000-000000000009" });
      expect((await start()).map).toMatchObject({ version: founding.version, partitionCount: 4 });
    });
  });

  describe("that is to join", () => {
    test("asks those that it was told of, and begins with their map", async () => {
      const map = running(OWN);
      others[0]!.changes = [{ case: "redirect", value: { addresses: [addresses()[1] as string] } }];
      others[1]!.changes = [{ case: "map", value: encodeMap(map) }];
      const entered = await start({ join: addresses(), members: [], advertise: "elsewhere:7" });
      expect(entered).toEqual({ map, stored: false });
      expect(others[1]!.commands).toEqual([{ op: "add-node", id: "n1", incarnation: OWN, address: "elsewhere:7" }]);
      expect(others[1]!.clusterIds).toEqual([clusterId]);
    });

    test("says why it was refused", async () => {
      for (const node of others) node.changes = [{ case: "refused", value: "there are too many" }];
      const starting = start({ join: addresses() });
      await expect(starting).rejects.toThrow(StartRefusal);
      await expect(starting).rejects.toThrow(/cannot join .*too many/);
    });

    test("gives up when nobody answers for long, and says whom it asked", async () => {
      limits.joinTimeoutMs = 100;
      const nobody = `127.0.0.1:${String(await freePorts(1))}`;
      const starting = start({ join: [nobody] });
      await expect(starting).rejects.toThrow(StartRefusal);
      await expect(starting).rejects.toThrow(nobody);
    });
  });

  describe("on a folder with a map", () => {
    const keep = (map: ClusterMap): Promise<void> => new MapFile(files, ".").save(map);

    test("goes on with it and asks nobody, whatever it is told", async () => {
      const map = running(OWN);
      await keep(map);
      for (const more of [{}, { join: addresses() }, { partitions: 99, members: [] }])
        expect(await start(more)).toEqual({ map, stored: true });
      expect(asked()).toEqual([]);
    });

    test.each([
      ["gone", "was removed from its cluster"],
      ["lost", "was replaced by another incarnation"],
    ] as const)("that says that it is %s is refused, with advice", async (state, reason) => {
      const map = withNodes(foundingOf(3, 4), ({ seat }) => (seat === 1 ? { id: "n9" } : {}));
      const row = { seat: 4, id: "n1", address: SELF, incarnation: OWN, state, successor: 0 };
      await keep({ ...map, nodes: [...map.nodes, row] });
      const starting = start();
      await expect(starting).rejects.toThrow(StartRefusal);
      await expect(starting).rejects.toThrow(reason);
      await expect(starting).rejects.toThrow("--replace-data and --join");
    });

    test("that was lost in another incarnation goes on", async () => {
      const map = running(incarnationAt(1), "lost");
      const row = { seat: 4, id: "n1", address: SELF, incarnation: OWN, state: "active", successor: 0 } as const;
      await keep({ ...map, nodes: [...map.nodes, row] });
      expect((await start()).stored).toBe(true);
    });
  });
});
