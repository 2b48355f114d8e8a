import { beforeEach, describe, expect, jest, test } from "@jest/globals";
import { routerLimits } from "../../../src/gateway/router/limits.js";
import type { LinkEvents, NodeLink } from "../../../src/gateway/router/node-link.js";
import { Nodes, type NodesOptions } from "../../../src/gateway/router/nodes.js";
import type { Request } from "../../../src/gateway/router/request.js";
import { zeroCounters } from "../../../src/gateway/router/stats.js";
import { PROTOCOL_VERSION } from "../../../src/rpc/index.js";
import { MemoryTransport } from "./memory-transport.js";
import { RecordingLog, requestOf, seededRng, VirtualTime } from "./support.js";

describe("Nodes", () => {
  let transport: MemoryTransport;
  let time: VirtualTime;
  let log: RecordingLog;
  let met: number[];
  let lost: { node: string | undefined; wasUsed: boolean; requests: readonly Request[] }[];

  function nodesOf(options: Partial<NodesOptions>): Nodes {
    let nodes: Nodes | undefined = undefined;
    const events: LinkEvents = {
      answered: jest.fn(),
      leadersChanged: jest.fn(),
      frameDone: jest.fn(),
      drained: jest.fn(),
      lost: (link: NodeLink, requests: readonly Request[]) => {
        lost.push({ node: link.nodeId, wasUsed: nodes?.lost(link) ?? false, requests });
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
    lost = [];
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
    transport.to("b:1").hello("b", { partitions: 12, members: ["a", "b", "c", "d"], version: 2 });
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
    expect(log.errors).toEqual([
      { fields: { nodesMax: 3, tooMany: 2 }, message: "too many storage nodes; some are not dialled" },
    ]);
    transport.to("a:1").membership(2, "a", "d", "e");
    expect(transport.open).toEqual(["a:1", "d:1", "e:1"]);
  });

  test("close hangs up everywhere", () => {
    const nodes = nodesOf({ addresses: ["a:1", "b:1"] });
    transport.to("a:1").hello("a");
    nodes.close();
    expect(transport.connections.every(({ closed }) => closed)).toBe(true);
    expect(nodes.connectedCount).toBe(0);
  });

  describe("follows the membership", () => {
    /** Links to a, b and c, all ready; `a` is the seed. */
    function threeOf(options: Partial<NodesOptions> = {}): Nodes {
      const nodes = nodesOf(options);
      transport.to("a:1").hello("a", { members: ["a", "b", "c"], version: 5 });
      transport.to("b:1").hello("b", { members: ["a", "b", "c"], version: 5 });
      transport.to("c:1").hello("c", { members: ["a", "b", "c"], version: 5 });
      return nodes;
    }

    test("dials whom a push names, and hangs up on whom it does not", async () => {
      const nodes = threeOf();
      transport.to("b:1").membership(6, "a", "b", "d");
      expect(transport.dials("d:1")).toBe(1);
      transport.to("d:1").hello("d", { members: ["a", "b", "d"], version: 6 });
      await time.advance(0);
      expect(transport.open).toEqual(["a:1", "b:1", "d:1"]);
      expect([nodes.connectedCount, nodes.linkOf("c")]).toEqual([3, undefined]);
      expect(lost).toEqual([{ node: "c", wasUsed: true, requests: [] }]);
      await time.advance(120_000);
      expect(transport.dials("c:1")).toBe(1);
    });

    test.each([
      ["older", 4],
      ["equal", 5],
    ])("an %s version changes nothing, pushed or in a hello", async (_name, version) => {
      threeOf();
      transport.to("b:1").membership(version, "a", "b", "x");
      transport.to("c:1").fail();
      await time.advance(20);
      transport.to("c:1").hello("c", { members: ["a", "c", "y"], version });
      await time.advance(60_000);
      expect(transport.open).toEqual(["a:1", "b:1", "c:1"]);
      expect([transport.dials("x:1"), transport.dials("y:1")]).toEqual([0, 0]);
    });

    test("a list of nobody is no news", async () => {
      threeOf();
      transport.to("b:1").membership(9);
      await time.advance(10_000);
      expect(transport.open).toEqual(["a:1", "b:1", "c:1"]);
    });

    test("requests on the stream to a node that left are answered there, or handed back in a short time", async () => {
      const nodes = threeOf();
      const request = requestOf(0, 1);
      nodes.linkOf("c")?.enqueue(request);
      await time.advance(0);
      transport.to("b:1").membership(6, "a", "b");
      await time.advance(routerLimits.retireMsMax - 1);
      expect(transport.open).toContain("c:1");
      await time.advance(1);
      expect(transport.open).not.toContain("c:1");
      expect(lost).toEqual([{ node: "c", wasUsed: true, requests: [request] }]);
    });

    test("a node that left while its stream was broken is forgotten", async () => {
      threeOf();
      transport.to("c:1").fail();
      transport.to("b:1").membership(6, "a", "b");
      await time.advance(60_000);
      expect(transport.dials("c:1")).toBe(1);
    });

    test("a node that returns is met again", async () => {
      const nodes = threeOf();
      const request = requestOf(0, 1);
      nodes.linkOf("c")?.enqueue(request);
      await time.advance(0);
      transport.to("b:1").membership(6, "a", "b");
      transport.to("b:1").membership(7, "a", "b", "c");
      await time.advance(60_000);
      expect([lost, transport.dials("c:1")]).toEqual([[], 1]);
      transport.to("b:1").membership(8, "a", "b");
      transport.to("c:1").fail();
      await time.advance(60_000);
      transport.to("b:1").membership(9, "a", "b", "c");
      transport.to("c:1").hello("c");
      expect(nodes.linkOf("c")?.ready).toBe(true);
    });

    test("a seed that left is left alone while others answer, and asked again when nobody does", async () => {
      const nodes = threeOf();
      transport.to("b:1").membership(6, "b", "c");
      await time.advance(0);
      expect(transport.open).toEqual(["b:1", "c:1"]);
      await time.advance(600_000);
      expect(transport.dials("a:1")).toBe(1);
      transport.to("b:1").fail();
      await time.advance(600);
      expect(transport.dials("a:1")).toBe(1);
      transport.to("c:1").fail();
      await time.advance(20);
      expect(transport.dials("a:1")).toBe(2);
      // It knows where they all went.
      transport.to("a:1").hello("a", { members: ["x", "y"], version: 7 });
      expect(nodes.linkOf("a")).toBeUndefined();
      transport.to("x:1").hello("x");
      transport.to("y:1").hello("y");
      await time.advance(20);
      transport.to("a:1").hello("a", { members: ["x", "y"], version: 7 });
      const dials = transport.dials("a:1");
      await time.advance(routerLimits.spareRedialDelayMs - 1);
      expect(transport.open).toEqual(["x:1", "y:1"]);
      expect(transport.dials("a:1")).toBe(dials);
    });

    test("a dead seed is dialled briskly only until others answer", async () => {
      nodesOf({ addresses: ["dead:1", "a:1"] });
      for (let i = 0; i < 20; i++) {
        transport.to("dead:1").fail("connection refused");
        await time.advance(400);
      }
      expect(transport.dials("dead:1")).toBe(21);
      transport.to("a:1").hello("a", { members: ["a"] });
      transport.to("dead:1").fail("connection refused");
      await time.advance(3 * routerLimits.spareRedialDelayMs - 1);
      expect(transport.dials("dead:1")).toBe(21 + 2);
    });

    test("a node that moved is reached at its new address, even while the old stream looks alive", async () => {
      const nodes = threeOf();
      const request = requestOf(0, 1);
      nodes.linkOf("c")?.enqueue(request);
      await time.advance(0);
      transport.to("b:1").membership(6, "a", "b", "c@elsewhere:9");
      transport.to("elsewhere:9").hello("c");
      expect(nodes.linkOf("c")?.address).toBe("elsewhere:9");
      await time.advance(routerLimits.retireMsMax);
      expect(transport.open).toEqual(["a:1", "b:1", "elsewhere:9"]);
      expect(lost).toEqual([{ node: "c", wasUsed: false, requests: [request] }]);
      expect(nodes.linkOf("c")?.ready).toBe(true);
    });

    test("a seed that moved is reached where it is now; its old address is dialled at leisure", async () => {
      const nodes = threeOf();
      transport.to("a:1").fail();
      transport.to("b:1").membership(6, "a@elsewhere:9", "b", "c");
      transport.to("elsewhere:9").hello("a");
      expect(nodes.linkOf("a")?.address).toBe("elsewhere:9");
      await time.advance(20);
      transport.to("a:1").fail("connection refused");
      await time.advance(routerLimits.spareRedialDelayMs - 1);
      expect(transport.dials("a:1")).toBe(2);
      transport.to("elsewhere:9").fail();
      await time.advance(20);
      expect(transport.dials("elsewhere:9")).toBe(2);
    });

    test("two nodes that swap addresses are both reached", async () => {
      const nodes = threeOf();
      transport.to("a:1").membership(6, "a", "b@c:1", "c@b:1");
      transport.to("b:1").fail();
      transport.to("c:1").fail();
      await time.advance(20);
      transport.to("b:1").hello("c");
      transport.to("c:1").hello("b");
      expect([nodes.linkOf("b")?.address, nodes.linkOf("c")?.address]).toEqual(["c:1", "b:1"]);
    });

    test("the address in the membership is preferred to another one", async () => {
      const nodes = nodesOf({ addresses: ["localhost:1"] });
      transport.to("localhost:1").hello("a", { members: ["a"] });
      expect(nodes.linkOf("a")?.address).toBe("localhost:1");
      transport.to("a:1").hello("a", { members: ["a"] });
      expect(nodes.linkOf("a")?.address).toBe("a:1");
      await time.advance(60_000);
      expect(transport.open).toEqual(["a:1"]);
      transport.to("a:1").fail();
      expect(transport.dials("localhost:1")).toBe(2);
    });

    test("a stranger at a member's address is not used until it is a member", async () => {
      const nodes = threeOf();
      transport.to("c:1").fail();
      await time.advance(20);
      transport.to("c:1").hello("stranger");
      expect(nodes.linkOf("stranger")).toBeUndefined();
      transport.to("a:1").membership(6, "a", "b", "stranger@c:1");
      await time.advance(400);
      transport.to("c:1").hello("stranger");
      expect(nodes.linkOf("stranger")?.ready).toBe(true);
    });

    test("a link whose own hello says that its address is nobody's is given up", async () => {
      const nodes = threeOf();
      transport.to("c:1").fail();
      await time.advance(20);
      transport.to("c:1").hello("c", { members: ["a", "b", "c@elsewhere:9"], version: 6 });
      expect(transport.to("c:1").closed).toBe(true);
      transport.to("elsewhere:9").hello("c");
      await time.advance(60_000);
      expect([nodes.linkOf("c")?.address, transport.dials("c:1")]).toEqual(["elsewhere:9", 2]);
    });

    test("nodes that came and went leave no room taken", async () => {
      threeOf({ limits: { ...routerLimits, nodesMax: 5 } });
      for (let i = 0; i < 300; i++) {
        const node = `n${String(i)}`;
        transport.to("a:1").membership(6 + i, "a", "b", "c", node);
        if (i % 3 > 0) transport.to(`${node}:1`).hello(node);
        if (i % 3 > 1) transport.to(`${node}:1`).fail();
        await time.advance(10);
      }
      expect(log.errors).toEqual([]);
      await time.advance(20);
      expect(transport.open).toEqual(["a:1", "b:1", "c:1", "n299:1"]);
    });
  });
});
