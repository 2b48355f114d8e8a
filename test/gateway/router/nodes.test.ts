import { beforeEach, describe, expect, jest, test } from "@jest/globals";
import { routerLimits } from "../../../src/gateway/router/limits.js";
import type { LinkEvents, NodeLink } from "../../../src/gateway/router/node-link.js";
import { Nodes, type NodesOptions } from "../../../src/gateway/router/nodes.js";
import { zeroCounters } from "../../../src/gateway/router/stats.js";
import { PROTOCOL_VERSION } from "../../../src/rpc/index.js";
import { MemoryTransport } from "./memory-transport.js";
import { RecordingLog, seededRng, VirtualTime } from "./support.js";

describe("Nodes", () => {
  let transport: MemoryTransport;
  let time: VirtualTime;
  let log: RecordingLog;
  let met: number[];

  function nodesOf(options: Partial<NodesOptions>): Nodes {
    let nodes: Nodes | undefined = undefined;
    const events: LinkEvents = {
      answered: jest.fn(),
      leadersChanged: jest.fn(),
      frameDone: jest.fn(),
      drained: jest.fn(),
      lost: (link: NodeLink) => {
        nodes?.lost(link);
      },
    };
    nodes = new Nodes({
      addresses: ["a:1"],
      clusterId: "",
      gateway: "gateway-1",
      met: (count) => met.push(count),
      events,
      transport,
      timers: time,
      rng: seededRng(),
      limits: routerLimits,
      counters: zeroCounters(),
      log,
      ...options,
    });
    nodes.start();
    return nodes;
  }

  beforeEach(() => {
    transport = new MemoryTransport();
    time = new VirtualTime();
    log = new RecordingLog();
    met = [];
  });

  test("takes the cluster that it meets, and dials its members", () => {
    const nodes = nodesOf({});
    expect(transport.to("a:1").frames[0]?.hello).toMatchObject({
      protocolVersion: PROTOCOL_VERSION,
      gateway: "gateway-1",
      clusterId: "",
    });
    transport.to("a:1").hello("a", { partitions: 12, members: ["a", "b", "c"] });
    expect(met).toEqual([12]);
    expect(transport.connections.map(({ address }) => address)).toEqual(["a:1", "b:1", "c:1"]);
    expect(transport.to("b:1").frames[0]?.hello?.clusterId).toBe("cluster-a");
    transport.to("b:1").hello("b", { partitions: 12, members: ["a", "b", "c", "d"] });
    expect(met).toEqual([12]);
    expect(transport.dials("d:1")).toBe(1);
    expect(nodes.connectedCount).toBe(2);
    expect(nodes.linkOf("b")?.address).toBe("b:1");
    expect(nodes.linkOf("c")).toBeUndefined();
  });

  test.each([
    ["another cluster", { clusterId: "cluster-b" }, "cluster-b"],
    ["another number of partitions", { partitions: 13 }, "13 partitions"],
  ])("refuses a node of %s", (_name, hello, words) => {
    const nodes = nodesOf({ addresses: ["a:1", "b:1"] });
    transport.to("a:1").hello("a", { partitions: 12 });
    transport.to("b:1").hello("b", { partitions: 12, ...hello });
    expect(nodes.linkOf("b")).toBeUndefined();
    expect(JSON.stringify(log.errors)).toContain(words);
  });

  test.each([
    ["another protocol", { protocolVersion: PROTOCOL_VERSION + 1, partitionCount: 1, nodeId: "a" }, "protocol"],
    ["no name", { protocolVersion: PROTOCOL_VERSION, partitionCount: 1, nodeId: "" }, "no name"],
    ["no partitions", { protocolVersion: PROTOCOL_VERSION, partitionCount: 0, nodeId: "a" }, "0 partitions"],
    ["absurdly many", { protocolVersion: PROTOCOL_VERSION, partitionCount: 1e9, nodeId: "a" }, "1000000000"],
  ])("refuses a node with %s", (_name, hello, words) => {
    nodesOf({});
    transport.to("a:1").reply({ hello });
    expect(met).toEqual([]);
    expect(JSON.stringify(log.errors)).toContain(words);
  });

  test("a configured cluster id is insisted on from the first node", () => {
    const nodes = nodesOf({ clusterId: "cluster-b" });
    transport.to("a:1").hello("a");
    expect(nodes.connectedCount).toBe(0);
    expect(met).toEqual([]);
  });

  test("uses one of two addresses of a node, and the other when it breaks", async () => {
    const nodes = nodesOf({ addresses: ["name:1", "127.0.0.1:1"] });
    transport.to("name:1").hello("a");
    transport.to("127.0.0.1:1").hello("a");
    expect(nodes.connectedCount).toBe(1);
    expect(nodes.linkOf("a")?.address).toBe("name:1");
    transport.to("name:1").fail();
    expect(nodes.linkOf("a")).toBeUndefined();
    expect(transport.dials("127.0.0.1:1")).toBe(2);
    transport.to("127.0.0.1:1").hello("a");
    expect(nodes.linkOf("a")?.address).toBe("127.0.0.1:1");
    await time.advance(20);
    transport.to("name:1").hello("a");
    expect(nodes.linkOf("a")?.address).toBe("127.0.0.1:1");
  });

  test("a node that comes back under another name replaces the old one", async () => {
    const nodes = nodesOf({});
    transport.to("a:1").hello("a");
    transport.to("a:1").fail();
    await time.advance(20);
    transport.to("a:1").hello("b");
    expect(nodes.linkOf("a")).toBeUndefined();
    expect(nodes.linkOf("b")?.address).toBe("a:1");
  });

  test("does not dial without bound", () => {
    nodesOf({ limits: { ...routerLimits, nodesMax: 3 } });
    transport.to("a:1").hello("a", { members: ["a", "b", "c", "d", "e"] });
    expect(transport.connections).toHaveLength(3);
    expect(log.errors).toHaveLength(2);
  });

  test("close hangs up everywhere", () => {
    const nodes = nodesOf({ addresses: ["a:1", "b:1"] });
    transport.to("a:1").hello("a");
    nodes.close();
    expect(transport.connections.every(({ closed }) => closed)).toBe(true);
    expect(nodes.connectedCount).toBe(0);
  });
});
