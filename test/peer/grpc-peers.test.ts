import { afterEach, describe, expect, test } from "@jest/globals";
import {
  type Client,
  type ClientDuplexStream,
  credentials,
  makeClientConstructor,
  Server,
  ServerCredentials,
} from "@grpc/grpc-js";
import { createServer } from "node:net";
import { systemTimers, type Timer, type Timers } from "../../src/base/index.js";
import { GrpcPeers, MessageFrame, type NodeId, readMessages, type SnapshotPart } from "../../src/peer/index.js";
import { type PeerFrame, PeersService } from "../../src/gen/marconi/v1/peers_pb.js";
import { EncodedFrame, PROTOCOL_VERSION, serviceDefinition } from "../../src/rpc/index.js";
import { createLogger } from "../../src/telemetry/index.js";

type PeersClient = Client & { exchange(): ClientDuplexStream<PeerFrame, PeerFrame> };
const PeersClientConstructor = makeClientConstructor(serviceDefinition(PeersService), "PeersService");

interface Event {
  readonly at: NodeId;
  readonly what: string;
}

class TestNode {
  readonly id: NodeId;
  readonly server = new Server();
  readonly peers: GrpcPeers;
  readonly known = new Map<string, string>();
  readonly frames: { from: NodeId; bytes: Uint8Array }[] = [];
  readonly parts: SnapshotPart[] = [];

  constructor(
    id: NodeId,
    ports: ReadonlyMap<NodeId, number>,
    events: Event[],
    identity: { clusterId?: string; incarnation?: string; partitionCount?: number } = {},
    timers: Timers = systemTimers,
  ) {
    this.id = id;
    const note = (what: string): void => {
      events.push({ at: id, what });
    };
    const others = [...ports].filter(([node]) => node !== id);
    this.peers = new GrpcPeers({
      rules: {
        own: {
          protocolVersion: PROTOCOL_VERSION,
          clusterId: identity.clusterId ?? "c",
          nodeId: id,
          incarnation: identity.incarnation ?? `${id}-first`,
          partitionCount: identity.partitionCount ?? 12,
        },
        memberIds: new Set(ports.keys()),
        incarnationOf: (node) => this.known.get(node),
        rememberIncarnation: (node, value) => {
          this.known.set(node, value);
          return Promise.resolve();
        },
      },
      peers: new Map(others.map(([node, port]) => [node, `127.0.0.1:${String(port)}`])),
      handlers: {
        messages: (from, bytes) => {
          readMessages(bytes);
          this.frames.push({ from, bytes });
          note(`messages from ${from}`);
        },
        snapshotPart: (from, part) => {
          this.parts.push(part);
          note(`part from ${from}`);
        },
        connected: (node) => {
          note(`connected ${node}`);
        },
        disconnected: (node, gone) => {
          note(`${gone ? "gone" : "disconnected"} ${node}`);
        },
      },
      timers,
      log: createLogger({ name: id, level: "silent" }),
    });
    this.peers.register(this.server);
  }

  async start(port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.server.bindAsync(`127.0.0.1:${String(port)}`, ServerCredentials.createInsecure(), (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
    this.peers.start();
  }

  async stop(): Promise<void> {
    await this.peers.close();
    this.server.forceShutdown();
  }
}

async function freePorts(nodes: readonly NodeId[]): Promise<Map<NodeId, number>> {
  const ports = new Map<NodeId, number>();
  for (const node of nodes) {
    const server = new Server();
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      });
    });
    server.forceShutdown();
    ports.set(node, port);
  }
  return ports;
}

function frameOf(term: number): Buffer {
  const frame = new MessageFrame();
  frame.add(1, { type: "timeout-now", from: 1, to: 2, term });
  return frame.take();
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`waited in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe("streams between nodes", () => {
  let running: TestNode[] = [];
  let events: Event[] = [];
  const saw = (at: NodeId, what: string): boolean => events.some((event) => event.at === at && event.what === what);

  afterEach(async () => {
    await Promise.all(running.map((node) => node.stop()));
    running = [];
    events = [];
  });

  async function pair(...identities: { clusterId?: string; incarnation?: string; partitionCount?: number }[]) {
    const ports = await freePorts(["n1", "n2"]);
    const nodes = ["n1", "n2"].map((id, i) => new TestNode(id, ports, events, identities[i]));
    running.push(...nodes);
    for (const node of nodes) await node.start(ports.get(node.id) ?? 0);
    return { ports, one: nodes[0] as TestNode, two: nodes[1] as TestNode };
  }

  test("both ends hear each other over one stream, in order", async () => {
    const { one, two } = await pair();
    await until(() => one.peers.isConnected("n2") && two.peers.isConnected("n1"), "a connection");
    for (let i = 0; i < 50; i++) {
      expect(one.peers.send("n2", frameOf(i))).toBe(true);
      expect(two.peers.send("n1", frameOf(100 + i))).toBe(true);
    }
    await until(() => one.frames.length === 50 && two.frames.length === 50, "all frames");
    const terms = (node: TestNode): number[] =>
      node.frames.flatMap((frame) => readMessages(frame.bytes).map((one) => one.message.term));
    expect(terms(two)).toEqual(Array.from({ length: 50 }, (_, i) => i));
    expect(terms(one)).toEqual(Array.from({ length: 50 }, (_, i) => 100 + i));
    expect(one.known.get("n2")).toBe("n2-first");
  });

  test("a part of a snapshot arrives as it was sent", async () => {
    const { one, two } = await pair();
    await until(() => one.peers.isConnected("n2"), "a connection");
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

  test("a peer that stops is known to be gone, and is found again when it is back", async () => {
    const { ports, one, two } = await pair();
    await until(() => one.peers.isConnected("n2") && two.peers.isConnected("n1"), "a connection");
    await two.stop();
    await until(() => saw("n1", "gone n2"), "proof that the process is gone");
    expect(one.peers.send("n2", frameOf(1))).toBe(false);
    const back = new TestNode("n2", ports, events);
    running = [one, back];
    await back.start(ports.get("n2") ?? 0);
    await until(() => one.peers.isConnected("n2"), "the connection after the restart");
  });

  test("a peer that sends what no peer sends loses its stream, and no more", async () => {
    const { one, two } = await pair();
    await until(() => one.peers.isConnected("n2") && two.peers.isConnected("n1"), "a connection");
    const garbage = frameOf(1);
    // The type of the message, behind the header of the field and the group.
    garbage[9] = 99;
    one.peers.send("n2", garbage);
    await until(() => saw("n2", "disconnected n1"), "the end of the stream");
    await until(() => one.peers.isConnected("n2") && two.peers.isConnected("n1"), "another stream");
    one.peers.send("n2", frameOf(7));
    await until(() => two.frames.length > 0, "a frame that is well-formed");
  });

  test("a stream that takes the place of another tells that what was on its way is lost", async () => {
    const { ports, one, two } = await pair();
    await until(() => one.peers.isConnected("n2") && two.peers.isConnected("n1"), "a connection");
    // The same node, of which the old stream was never heard to end.
    const again = new TestNode("n1", ports, []);
    running.push(again);
    again.peers.start();
    await until(() => saw("n2", "disconnected n1"), "the news");
    const seen = events.filter(({ at }) => at === "n2").map(({ what }) => what);
    expect(seen.slice(0, 3)).toEqual(["connected n1", "disconnected n1", "connected n1"]);
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
        stream.on("error", () => undefined);
        const hello = {
          nodeId: "n1",
          clusterId: "c",
          incarnation: "n1-first",
          protocolVersion: PROTOCOL_VERSION,
          partitionCount: 12,
        };
        stream.write({ hello } as never);
        stream.write({ hello } as never);
      },
    ],
  ])("a caller that sends %s harms nobody", async (_, call) => {
    const { ports, one, two } = await pair();
    await until(() => one.peers.isConnected("n2") && two.peers.isConnected("n1"), "a connection");
    const client = new PeersClientConstructor(
      `127.0.0.1:${String(ports.get("n2"))}`,
      credentials.createInsecure(),
    ) as unknown as PeersClient;
    const exchange = client.exchange.bind(client);
    client.exchange = () => {
      const stream = exchange();
      stream.on("error", () => undefined);
      return stream;
    };
    call(client);
    await new Promise((resolve) => setTimeout(resolve, 100));
    client.close();
    await until(() => one.peers.isConnected("n2") && two.peers.isConnected("n1"), "a connection after it");
    await until(() => one.peers.send("n2", frameOf(7)) && two.frames.length > 0, "a frame");
  });

  test("a network that closes leaves no timer behind, not even of a stream that nobody answered", async () => {
    const silent = createServer((socket) => socket.on("error", () => undefined));
    const port = await new Promise<number>((resolve) => {
      silent.listen(0, "127.0.0.1", () => {
        resolve((silent.address() as { port: number }).port);
      });
    });
    const live = new Set<Timer>();
    const timers: Timers = {
      ...systemTimers,
      after: (delayMs, callback) => {
        const timer = systemTimers.after(delayMs, () => {
          live.delete(one);
          callback();
        });
        const one: Timer = {
          cancel: () => {
            live.delete(one);
            timer.cancel();
          },
        };
        live.add(one);
        return one;
      },
    };
    const node = new TestNode("n1", new Map([["n2", port]]), events, {}, timers);
    node.peers.start();
    expect(live.size).toBe(1);
    await node.stop();
    expect(live.size).toBe(0);
    silent.close();
  });

  test.each([
    ["another cluster", [{}, { clusterId: "other" }]],
    ["another number of partitions", [{}, { partitionCount: 13 }]],
  ])("a node of %s is refused", async (_, identities) => {
    const { one, two } = await pair(...identities);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(one.peers.isConnected("n2") || two.peers.isConnected("n1")).toBe(false);
  });

  test("a node that comes back without its disk is refused by those who knew it", async () => {
    const { ports, one, two } = await pair();
    await until(() => one.peers.isConnected("n2") && two.peers.isConnected("n1"), "a connection");
    await two.stop();
    const wiped = new TestNode("n2", ports, events, { incarnation: "n2-second" });
    running = [one, wiped];
    await wiped.start(ports.get("n2") ?? 0);
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(one.peers.isConnected("n2")).toBe(false);
  });
});
