import { afterEach, describe, expect, test } from "@jest/globals";
import type { Socket } from "node:net";
import { readMessages, type SnapshotPart } from "../../src/peer/index.js";
import { peerLimits } from "../../src/peer/limits.js";
import { EncodedFrame } from "../../src/rpc/index.js";
import { Front } from "./front.js";
import {
  areConnected,
  CountingTimers,
  frameOf,
  identityOf,
  type Pair,
  type PeersClient,
  sleep,
  strangerTo,
  TestCluster,
  TestNode,
  until,
} from "./test-node.js";

describe("streams between nodes", () => {
  const clusters: TestCluster[] = [];

  afterEach(async () => {
    await Promise.all(clusters.splice(0).map((cluster) => cluster.stop()));
  });

  async function connected(): Promise<Pair> {
    const pair = await TestCluster.connectedPair();
    clusters.push(pair.cluster);
    return pair;
  }

  test("both ends hear each other over one stream, in order", async () => {
    const { one, two } = await connected();
    for (let i = 0; i < 50; i++) {
      expect(one.peers.send("n2", frameOf(i))).toBe(true);
      expect(two.peers.send("n1", frameOf(100 + i))).toBe(true);
    }
    await until(() => one.frames.length === 50 && two.frames.length === 50, "all frames");
    const terms = (node: TestNode): number[] =>
      node.frames.flatMap((frame) => readMessages(frame.bytes).map(({ message }) => message.term));
    expect(terms(two)).toEqual(Array.from({ length: 50 }, (_, i) => i));
    expect(terms(one)).toEqual(Array.from({ length: 50 }, (_, i) => 100 + i));
    expect(one.known.get("n2")).toBe("n2-first");
    expect(one.heard.filter((what) => what.startsWith("connected"))).toEqual(["connected n2"]);
  });

  test("a part of a snapshot arrives as it was sent", async () => {
    const { one, two } = await connected();
    const part: SnapshotPart = {
      group: 3,
      transfer: 2 ** 40,
      kind: "rows",
      number: 7,
      rows: Buffer.from("rows"),
      detail: Buffer.from("detail"),
    };
    one.peers.sendSnapshotPart("n2", part);
    await until(() => two.parts.length === 1, "the part");
    expect(two.parts[0]).toMatchObject({ group: 3, transfer: 2 ** 40, kind: "rows", number: 7 });
    expect(Buffer.from(two.parts[0]?.rows ?? []).toString()).toBe("rows");
  });

  test("news about the cluster arrive as they were sent, in order with what else is sent", async () => {
    const { cluster, one, two } = await connected();
    expect(one.peers.sendControl("n2", Buffer.from("map 1"))).toBe(true);
    one.peers.send("n2", frameOf(1));
    one.peers.sendControl("n2", Buffer.from("map 2"));
    expect(two.peers.sendControl("n1", Buffer.from("clock"))).toBe(true);
    await until(() => two.news.length === 2 && one.news.length === 1, "the news");
    expect(two.news.map(({ from, bytes }) => [from, Buffer.from(bytes).toString()])).toEqual([
      ["n1", "map 1"],
      ["n1", "map 2"],
    ]);
    expect(two.heard.slice(-3)).toEqual(["control from n1", "messages from n1", "control from n1"]);
    await two.stop();
    await until(() => cluster.saw("n1", "disconnected n2"), "the end");
    expect(one.peers.sendControl("n2", Buffer.from("map 3"))).toBe(false);
    expect(one.peers.sendControl("n9", Buffer.from("map 3"))).toBe(false);
  });

  test("news beyond what may wait are dropped like any other frame", async () => {
    const { one, two } = await connected();
    const large = Buffer.alloc(20 * 1024 * 1024);
    const sent = Array.from({ length: 4 }, () => one.peers.sendControl("n2", large));
    expect(sent).toEqual([true, true, true, false]);
    await until(() => two.news.length === 3, "those that were not dropped");
    // They are off the sender's books a moment after they have arrived.
    await until(() => one.peers.sendControl("n2", large), "room for another");
  });

  test("a peer that stops is known to be gone, and is found again when it is back", async () => {
    const { cluster, one, two } = await connected();
    await two.stop();
    await until(() => cluster.saw("n1", "gone n2"), "proof that the process is gone");
    expect(one.peers.send("n2", frameOf(1))).toBe(false);
    await cluster.start("n2");
    await until(() => one.peers.isConnected("n2"), "the connection after the restart");
    expect(one.heard).toEqual(["connected n2", "disconnected n2", "gone n2", "connected n2"]);
  });

  test.each<[string, (socket: Socket) => void]>([
    ["accepts", (socket) => socket.on("error", () => undefined)],
    ["resets", (socket) => socket.resetAndDestroy()],
  ])("a peer whose dying process still %s for a while is known to be gone, once", async (_, dying) => {
    const cluster = await TestCluster.of("n1", "n2", "front");
    clusters.push(cluster);
    await cluster.start("n2");
    const front = new Front(cluster.portOf("n2"));
    await front.listen(cluster.portOf("front"));
    const one = cluster.node("n1");
    one.setPeers(new Map([["n2", cluster.portOf("front")]]));
    one.peers.start();
    await until(() => one.peers.isConnected("n2"), "a connection");
    // A stream that breaks is no proof.
    front.cut();
    await until(() => cluster.saw("n1", "disconnected n2"), "the end of the stream");
    await until(() => one.peers.isConnected("n2"), "another stream");
    front.instead = dying;
    front.cut();
    await sleep(200);
    expect(one.heard).toEqual(["connected n2", "disconnected n2", "connected n2", "disconnected n2"]);
    await front.close();
    await until(() => cluster.saw("n1", "gone n2"), "proof that the process is gone");
    await sleep(100);
    expect(one.heard.slice(4)).toEqual(["gone n2"]);
  });

  test.each([
    ["messages that no peer sends", (node: TestNode) => node.peers.send("n2", malformed())],
    ["news that no peer sends", (node: TestNode) => node.peers.sendControl("n2", Buffer.from([0xff]))],
  ])("a peer that sends %s loses its stream, and no more", async (_, send) => {
    const { cluster, one, two } = await connected();
    send(one);
    await until(() => cluster.saw("n2", "disconnected n1"), "the end of the stream");
    await until(() => areConnected(one, two), "another stream");
    one.peers.send("n2", frameOf(7));
    await until(() => two.frames.length > 0, "a frame that is well-formed");
    expect(two.news).toHaveLength(0);
  });

  test("a peer that was away for long is found again as fast as one that was not", async () => {
    const cluster = await TestCluster.of("n1", "n2");
    clusters.push(cluster);
    const timers = new CountingTimers(20);
    const one = cluster.node("n1", {}, timers);
    one.setPeers(cluster.ports);
    one.peers.start();
    const waits = () => timers.delaysMs.filter((delayMs) => delayMs <= peerLimits.redialDelayMsMax && delayMs >= 25);
    await until(() => waits().at(-1) === peerLimits.redialDelayMsMax, "the longest wait");
    expect(waits().slice(0, 6)).toEqual([25, 50, 100, 200, 400, 500]);
    const two = await cluster.start("n2");
    await until(() => areConnected(one, two), "a connection");
    timers.delaysMs.length = 0;
    two.peers.send("n1", malformed());
    await until(() => waits().length > 0, "another dial");
    expect(waits()[0]).toBe(peerLimits.redialDelayMsMin);
  });

  test("a peer that is hung up on is not suspected: it has just spoken", async () => {
    const cluster = await TestCluster.of("n1", "n2");
    clusters.push(cluster);
    const two = await cluster.start("n2");
    const one = cluster.node("n1");
    // It does not listen, so that any question about it would find it gone.
    one.setPeers(cluster.ports);
    one.peers.start();
    await until(() => areConnected(one, two), "a connection");
    one.peers.send("n2", malformed());
    await until(() => cluster.saw("n2", "disconnected n1"), "the end of the stream");
    await until(() => areConnected(one, two), "another stream");
    await sleep(50);
    expect(cluster.saw("n2", "gone n1")).toBe(false);
  });

  test("a stream that takes the place of another tells that what was on its way is lost", async () => {
    const { cluster, two } = await connected();
    // The same node, of which the old stream was never heard to end.
    const again = new TestNode("n1", []);
    again.setPeers(cluster.ports);
    again.peers.start();
    await until(() => cluster.saw("n2", "disconnected n1"), "the news");
    await again.stop();
    expect(two.heard.slice(0, 3)).toEqual(["connected n1", "disconnected n1", "connected n1"]);
  });

  test.each([
    ["no hello", (client: PeersClient) => client.exchange().write({} as never)],
    [
      "bytes that are no frame",
      (client: PeersClient) => client.exchange().write(new EncodedFrame(Buffer.from([0xff])) as never),
    ],
    [
      "another hello after its own",
      (client: PeersClient) => {
        const stream = client.exchange();
        const hello = identityOf("n1");
        stream.write({ hello } as never);
        stream.write({ hello } as never);
      },
    ],
    [
      "a refusal before it was greeted",
      (client: PeersClient) =>
        client.exchange().write({ hello: { ...identityOf("n9"), refusal: "no", evicted: true } } as never),
    ],
  ])("a caller that sends %s harms nobody", async (_, call) => {
    const { cluster, one, two } = await connected();
    two.standings.set("n9", { kind: "unknown" });
    const client = strangerTo(cluster.portOf("n2"));
    const exchange = client.exchange.bind(client);
    client.exchange = () => {
      const stream = exchange();
      stream.on("error", () => undefined);
      return stream;
    };
    call(client);
    await sleep(100);
    client.close();
    await until(() => areConnected(one, two), "a connection after it");
    await until(() => one.peers.send("n2", frameOf(7)) && two.frames.length > 0, "a frame");
    expect(two.evictions).toEqual([]);
  });

  test("a network that closes leaves no timer behind, not even of a stream that nobody answered", async () => {
    const cluster = await TestCluster.of("n1", "silent");
    clusters.push(cluster);
    const silent = new Front(0);
    silent.instead = () => undefined;
    await silent.listen(cluster.portOf("silent"));
    const timers = new CountingTimers();
    const node = cluster.node("n1", {}, timers);
    node.setPeers(new Map([["n2", cluster.portOf("silent")]]));
    expect(timers.liveCount).toBe(0);
    node.peers.start();
    expect(timers.liveCount).toBe(1);
    await node.stop();
    expect(timers.liveCount).toBe(0);
    await silent.close();
  });
});

function malformed(): Buffer {
  const garbage = frameOf(1);
  // The type of the message, behind the header of the field and the group.
  garbage[9] = 99;
  return garbage;
}
