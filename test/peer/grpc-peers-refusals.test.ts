import { afterEach, describe, expect, test } from "@jest/globals";
import type { PeerFrame } from "../../src/gen/marconi/v1/peers_pb.js";
import type { PeerIdentity } from "../../src/peer/index.js";
import { peerLimits } from "../../src/peer/limits.js";
import {
  areConnected,
  CountingTimers,
  frameOf,
  identityOf,
  type Pair,
  sleep,
  strangerTo,
  TestCluster,
  until,
} from "./test-node.js";

const removed = { kind: "evicted", reason: "an operator removed it" } as const;

describe("who is refused hears why", () => {
  const clusters: TestCluster[] = [];

  afterEach(async () => {
    await Promise.all(clusters.splice(0).map((cluster) => cluster.stop()));
  });

  async function pair(...differences: Partial<PeerIdentity>[]): Promise<Pair> {
    const made = await TestCluster.pair(...differences);
    clusters.push(made.cluster);
    return made;
  }

  async function connectedPair(): Promise<Pair> {
    const made = await TestCluster.connectedPair();
    clusters.push(made.cluster);
    return made;
  }

  test.each([
    ["another cluster", { clusterId: "other" }, "check --cluster-id"],
    ["another number of partitions", { partitionCount: 13 }, "fixed when a cluster is made"],
  ])("a node of %s", async (_, difference, advice) => {
    const { one, two } = await pair({}, difference);
    await sleep(300);
    expect(areConnected(one, two)).toBe(false);
    // Dialled again and again, said once.
    expect(two.reasons("peer refused")).toEqual([expect.stringContaining(advice)]);
    expect(one.reasons("refused by a peer")).toEqual(two.reasons("peer refused"));
    expect([one.evictions, two.evictions]).toEqual([[], []]);
  });

  test("a node that comes back without its disk, by those who knew it", async () => {
    const { cluster, one, two } = await connectedPair();
    await two.stop();
    const wiped = await cluster.start("n2", { incarnation: "n2-second" });
    await until(() => wiped.reasons("refused by a peer").length > 0, "the refusal");
    expect(wiped.reasons("refused by a peer")).toEqual([expect.stringContaining("restore its data folder")]);
    expect(one.reasons("peer refused")).toEqual(wiped.reasons("refused by a peer"));
    await sleep(200);
    expect([one.peers.isConnected("n2"), wiped.evictions]).toEqual([false, []]);
  });

  test("the node that answers where another one was dialled", async () => {
    const cluster = await TestCluster.of("n1", "n2", "n3");
    clusters.push(cluster);
    const three = await cluster.start("n3");
    const one = cluster.node("n1");
    one.setPeers(
      new Map([
        ["n2", cluster.portOf("n3")],
        ["n3", cluster.portOf("n2")],
      ]),
    );
    one.peers.start();
    await until(() => three.reasons("refused by a peer").length > 0, "the refusal");
    expect(three.reasons("refused by a peer")[0]).toContain("calls itself n3");
    expect(one.heard).toEqual([]);
  });

  test("a node that no map knows yet is welcome as soon as one does", async () => {
    const cluster = await TestCluster.of("n1", "n2");
    clusters.push(cluster);
    const two = await cluster.start("n2");
    two.standings.set("n1", { kind: "unknown" });
    const one = await cluster.start("n1");
    await until(() => one.reasons("refused by a peer").length > 0, "the refusal");
    expect(one.reasons("refused by a peer")).toEqual([expect.stringContaining("start it with --join")]);
    expect([two.reasons("peer refused for now").length, two.reasons("peer refused")]).toEqual([1, []]);
    two.standings.delete("n1");
    await until(() => areConnected(one, two), "a connection");
    expect(one.evictions).toEqual([]);
    // They got on meanwhile: the same refusal is news again.
    two.standings.set("n1", { kind: "unknown" });
    two.setPeers(cluster.ports);
    await until(() => one.reasons("refused by a peer").length > 1, "the refusal");
    expect([one.reasons("refused by a peer").length, two.reasons("peer refused for now").length]).toEqual([2, 1]);
    await until(() => two.reasons("peer refused for now").length > 1, "the refusal of the next dial");
  });

  test("a node that was removed while its incarnation was written, behind what it has sent already", async () => {
    const cluster = await TestCluster.of("n1", "n2");
    clusters.push(cluster);
    const two = await cluster.start("n2");
    const timers = new CountingTimers();
    const one = cluster.node("n1", {}, timers);
    let written: () => void = () => undefined;
    one.remembering = new Promise((resolve) => {
      written = resolve;
    });
    one.setPeers(cluster.ports);
    one.peers.start();
    await until(() => cluster.saw("n2", "connected n1"), "its hello");
    for (let i = 0; i < 50; i++) two.peers.send("n1", frameOf(i));
    await until(() => one.known.has("n2"), "the hello of the other");
    one.standings.set("n2", removed);
    written();
    await until(() => two.evictions.length > 0, "the news");
    const sinceMs = performance.now();
    one.setPeers(new Map());
    await until(() => timers.liveCount === 0, "the end of the stream");
    // It was read to its end, not cut off.
    expect(performance.now() - sinceMs).toBeLessThan(peerLimits.lingerMs / 2);
    expect([one.heard, one.frames]).toEqual([[], []]);
  });

  describe("and a node that is no member any more reports it once", () => {
    test("as the one that dials", async () => {
      const cluster = await TestCluster.of("n1", "n2", "n3");
      clusters.push(cluster);
      const others = [await cluster.start("n2"), await cluster.start("n3")];
      for (const other of others) other.standings.set("n1 n1-first", removed);
      const timers = new CountingTimers();
      const one = await cluster.start("n1", {}, timers);
      await until(() => one.evictions.length > 0, "the news");
      await sleep(200);
      expect(one.evictions).toEqual([expect.stringContaining("an operator removed it")]);
      expect(one.evictions[0]).toContain("--replace-data");
      expect(one.heard).toEqual(["evicted"]);
      // It dials nobody any more.
      expect(timers.liveCount).toBe(0);
    });

    test("as the one that is dialled", async () => {
      const cluster = await TestCluster.of("n1", "n2");
      clusters.push(cluster);
      const two = await cluster.start("n2");
      const one = cluster.node("n1");
      one.standings.set("n2 n2-first", removed);
      one.setPeers(cluster.ports);
      one.peers.start();
      await until(() => two.evictions.length > 0, "the news");
      expect(two.heard.slice(0, 3)).toEqual(["connected n1", "disconnected n1", "evicted"]);
      expect(one.heard).toEqual([]);
      // Whoever refuses lives: nobody asks whether it is gone.
      await sleep(50);
      expect(cluster.saw("n2", "gone n1")).toBe(false);
    });

    test("as one that nobody dials any more", async () => {
      const cluster = await TestCluster.of("n1", "n2");
      clusters.push(cluster);
      const one = cluster.node("n1");
      one.standings.set("n2 n2-first", removed);
      await one.listen(cluster.portOf("n1"));
      one.peers.start();
      const two = await cluster.start("n2", {}, new CountingTimers(peerLimits.silenceMs / 50));
      await until(() => two.evictions.length > 0, "the news");
      expect(two.heard).toEqual(["evicted"]);
    });

    test.each(["n1", "n2"])("as %s that is connected at that moment, behind all that was sent before", async (id) => {
      const { cluster, one, two } = await connectedPair();
      const [stays, goes] = id === "n1" ? [two, one] : [one, two];
      stays.standings.set(`${id} ${id}-first`, removed);
      const large = Buffer.alloc(1024 * 1024);
      for (let i = 0; i < 4; i++) stays.peers.sendControl(id, large);
      stays.setPeers(new Map());
      await until(() => goes.evictions.length > 0, "the news");
      expect(goes.news).toHaveLength(4);
      expect(goes.evictions).toEqual([expect.stringContaining("an operator removed it")]);
      expect(cluster.saw(goes.id, `gone ${stays.id}`)).toBe(false);
    });

    test("as one whose place another incarnation has taken, which is welcome", async () => {
      const { cluster, one, two } = await connectedPair();
      one.standings.set("n2 n2-first", { kind: "evicted", reason: "another incarnation has taken its place" });
      one.setPeers(cluster.ports);
      expect(one.heard).toEqual(["connected n2", "disconnected n2"]);
      await until(() => two.evictions.length > 0, "the news");
      await two.stop();
      one.known.set("n2", "n2-second");
      const second = await cluster.start("n2", { incarnation: "n2-second" });
      await until(() => areConnected(one, second), "the connection of the other incarnation");
      expect(second.evictions).toEqual([]);
    });
  });

  test.each<[string, Partial<PeerIdentity>]>([
    ["another cluster", { clusterId: "other" }],
    ["no member", { nodeId: "n9" }],
    ["a member that lost its disk", { incarnation: "n2-second" }],
    ["a member that was evicted itself", { nodeId: "n3" }],
    ["a node of the same name", { nodeId: "n1" }],
  ])("an eviction told by %s is not believed", async (_, difference) => {
    const cluster = await TestCluster.of("n1", "n2");
    clusters.push(cluster);
    const one = await cluster.start("n1");
    one.standings.set("n9", { kind: "unknown" });
    one.standings.set("n3", removed);
    one.known.set("n2", "n2-first");
    const client = strangerTo(cluster.portOf("n1"));
    const stream = client.exchange();
    stream.on("error", () => undefined);
    stream.write({ hello: { ...identityOf("n2", difference), refusal: "go away", evicted: true } } as never);
    await until(() => one.reasons("refused by a peer").includes("go away"), "the refusal");
    expect(one.evictions).toEqual([]);
    client.close();
    const two = await cluster.start("n2");
    await until(() => areConnected(one, two), "a connection all the same");
  });

  test("a hello that is refused is answered with this node's own, the reason and the end of the stream", async () => {
    const cluster = await TestCluster.of("n1");
    clusters.push(cluster);
    const one = await cluster.start("n1");
    one.standings.set("n9", removed);
    const client = strangerTo(cluster.portOf("n1"));
    const stream = client.exchange();
    const frames: PeerFrame[] = [];
    const ended = new Promise((resolve) => {
      stream.on("status", ({ code }) => {
        resolve(code);
      });
    });
    stream.on("data", (frame: PeerFrame) => frames.push(frame));
    stream.write({ hello: identityOf("n9") } as never);
    expect(await ended).toBe(0);
    expect(frames).toHaveLength(1);
    expect(frames[0]?.hello).toMatchObject({ ...identityOf("n1"), evicted: true });
    expect(frames[0]?.hello?.refusal).toContain("no member any more");
    client.close();
  });

  test("a reason of any length is cut before it is kept", async () => {
    const cluster = await TestCluster.of("n1");
    clusters.push(cluster);
    const one = await cluster.start("n1");
    const client = strangerTo(cluster.portOf("n1"));
    const stream = client.exchange();
    stream.on("error", () => undefined);
    stream.write({ hello: { ...identityOf("n2"), refusal: "no ".repeat(1_000_000), evicted: true } } as never);
    await until(() => one.evictions.length > 0, "the eviction");
    expect(one.evictions[0]).toHaveLength(peerLimits.refusalTextMax);
    expect(one.reasons("refused by a peer")[0]).toHaveLength(peerLimits.refusalTextMax);
    client.close();
  });

  test("a refusal that the other side never takes is cut off", async () => {
    const cluster = await TestCluster.of("n1", "n2");
    clusters.push(cluster);
    const timers = new CountingTimers(20);
    const two = cluster.node("n2");
    await two.listen(cluster.portOf("n2"));
    two.setPeers(cluster.ports);
    const one = await cluster.start("n1", {}, timers);
    await until(() => areConnected(one, two), "a connection");
    one.standings.set("n2", removed);
    // More than fits through a connection that the other side does not read: it is busy for longer than we wait.
    for (let i = 0; i < 6; i++) one.peers.sendControl("n2", Buffer.alloc(10 * 1024 * 1024));
    one.setPeers(new Map());
    const blockedUntil = Date.now() + 200;
    expect(timers.liveCount).toBe(1);
    while (Date.now() < blockedUntil);
    await until(() => timers.liveCount === 0, "the end");
    await until(() => !two.peers.isConnected("n1"), "the end for the other side");
  });
});
