import {
  type Client,
  type ClientDuplexStream,
  credentials,
  makeClientConstructor,
  Server,
  ServerCredentials,
} from "@grpc/grpc-js";
import { DecodeError, systemTimers, type Timer, type Timers } from "../../src/base/index.js";
import { type PeerFrame, PeersService } from "../../src/gen/marconi/v1/peers_pb.js";
import {
  GrpcPeers,
  MessageFrame,
  type NodeId,
  type PeerIdentity,
  readMessages,
  type SnapshotPart,
  type Standing,
} from "../../src/peer/index.js";
import { channelOptions, PROTOCOL_VERSION, serviceDefinition } from "../../src/rpc/index.js";
import { createLogger } from "../../src/telemetry/index.js";
import { freePorts } from "../support/free-ports.js";

export type PeersClient = Client & { exchange(): ClientDuplexStream<PeerFrame, PeerFrame> };
const PeersClientConstructor = makeClientConstructor(serviceDefinition(PeersService), "PeersService");

/** A caller that follows no rules. */
export function strangerTo(port: number): PeersClient {
  return new PeersClientConstructor(
    `127.0.0.1:${String(port)}`,
    credentials.createInsecure(),
  ) as unknown as PeersClient;
}

export function identityOf(nodeId: NodeId, difference: Partial<PeerIdentity> = {}): PeerIdentity {
  const first = {
    protocolVersion: PROTOCOL_VERSION,
    clusterId: "c",
    incarnation: `${nodeId}-first`,
    partitionCount: 12,
  };
  return { ...first, nodeId, ...difference };
}

export interface Event {
  readonly at: NodeId;
  readonly what: string;
}

interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly reason?: string;
}

/** A node that has peers and nothing else. */
export class TestNode {
  readonly id: NodeId;
  readonly server = new Server(channelOptions);
  readonly peers: GrpcPeers;
  readonly known = new Map<NodeId, string>();
  /** What this node's map says of a node, or of "node incarnation"; whoever it does not speak of is a member. */
  readonly standings = new Map<string, Standing>();
  readonly evictions: string[] = [];
  readonly news: { readonly from: NodeId; readonly bytes: Uint8Array }[] = [];
  readonly frames: { readonly from: NodeId; readonly bytes: Uint8Array }[] = [];
  readonly parts: SnapshotPart[] = [];
  readonly logged: LogLine[] = [];
  /** Called for news, before they are noted. */
  onControl: () => void = () => undefined;
  /** Called for a lost stream, after it was noted. */
  onDisconnected: () => void = () => undefined;
  /** What writing an incarnation takes. */
  remembering: Promise<void> = Promise.resolve();
  readonly #events: Event[];

  constructor(id: NodeId, events: Event[], difference: Partial<PeerIdentity> = {}, timers: Timers = systemTimers) {
    this.id = id;
    this.#events = events;
    const note = (what: string): void => {
      events.push({ at: id, what });
    };
    this.peers = new GrpcPeers({
      rules: {
        own: identityOf(id, difference),
        standingOf: (node, incarnation) =>
          this.standings.get(`${node} ${incarnation}`) ?? this.standings.get(node) ?? { kind: "member" },
        incarnationOf: (node) => this.known.get(node),
        rememberIncarnation: (node, value) => {
          this.known.set(node, value);
          return this.remembering;
        },
      },
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
        control: (from, bytes) => {
          if (bytes[0] === 0xff) throw new DecodeError("no news begin like this");
          this.onControl();
          this.news.push({ from, bytes });
          note(`control from ${from}`);
        },
        connected: (node) => {
          note(`connected ${node}`);
        },
        disconnected: (node, gone) => {
          note(`${gone ? "gone" : "disconnected"} ${node}`);
          this.onDisconnected();
        },
      },
      onEvicted: (reason) => {
        this.evictions.push(reason);
        note("evicted");
      },
      timers,
      log: createLogger({
        name: id,
        level: "info",
        destination: { write: (line) => this.logged.push(JSON.parse(line) as LogLine) },
      }),
    });
    this.peers.register(this.server);
  }

  /** What this node was told, in order. */
  get heard(): string[] {
    return this.#events.filter(({ at }) => at === this.id).map(({ what }) => what);
  }

  /** The reasons it logged with this sentence. */
  reasons(msg: string): (string | undefined)[] {
    return this.logged.filter((line) => line.msg === msg).map((line) => line.reason);
  }

  /** Makes all but this node its peers. */
  setPeers(ports: ReadonlyMap<NodeId, number>): void {
    const others = [...ports].filter(([node]) => node !== this.id);
    this.peers.setPeers(new Map(others.map(([node, port]) => [node, `127.0.0.1:${String(port)}`])));
  }

  listen(port: number): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      this.server.bindAsync(`127.0.0.1:${String(port)}`, ServerCredentials.createInsecure(), (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
  }

  async stop(): Promise<void> {
    await this.peers.close();
    this.server.forceShutdown();
  }
}

/** The nodes of one test, each with the port where it listens. */
export class TestCluster {
  readonly events: Event[] = [];
  readonly ports: Map<NodeId, number>;
  readonly #running: TestNode[] = [];

  private constructor(ports: Map<NodeId, number>) {
    this.ports = ports;
  }

  /** Finds a port for each name. */
  static async of(...names: readonly NodeId[]): Promise<TestCluster> {
    const first = await freePorts(names.length);
    return new TestCluster(new Map(names.map((name, i) => [name, first + i])));
  }

  portOf(node: NodeId): number {
    return this.ports.get(node) ?? 0;
  }

  /** A node that does not listen yet and knows nobody. */
  node(id: NodeId, difference?: Partial<PeerIdentity>, timers?: Timers): TestNode {
    const node = new TestNode(id, this.events, difference, timers);
    this.#running.push(node);
    return node;
  }

  /** A node that listens, knows all others and dials them. */
  async start(id: NodeId, difference?: Partial<PeerIdentity>, timers?: Timers): Promise<TestNode> {
    const node = this.node(id, difference, timers);
    await node.listen(this.portOf(id));
    node.setPeers(this.ports);
    node.peers.start();
    return node;
  }

  saw(at: NodeId, what: string): boolean {
    return this.events.some((event) => event.at === at && event.what === what);
  }

  /** Two nodes that both stand ready; `differences` of the first and the second. */
  static async pair(...differences: Partial<PeerIdentity>[]): Promise<Pair> {
    const cluster = await TestCluster.of("n1", "n2");
    const one = await cluster.start("n1", differences[0]);
    const two = await cluster.start("n2", differences[1]);
    return { cluster, one, two };
  }

  static async connectedPair(): Promise<Pair> {
    const pair = await TestCluster.pair();
    await until(() => areConnected(pair.one, pair.two), "a connection");
    return pair;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#running.map((node) => node.stop()));
  }
}

export interface Pair {
  readonly cluster: TestCluster;
  readonly one: TestNode;
  readonly two: TestNode;
}

export function areConnected(one: TestNode, two: TestNode): boolean {
  return one.peers.isConnected(two.id) && two.peers.isConnected(one.id);
}

/** Counts its timers that are neither over nor cancelled; each waits `speed` times shorter than it is asked to. */
export class CountingTimers implements Timers {
  /** What each timer was asked to wait, in order. */
  readonly delaysMs: number[] = [];
  readonly #live = new Set<Timer>();
  readonly #speed: number;

  constructor(speed = 1) {
    this.#speed = speed;
  }

  get liveCount(): number {
    return this.#live.size;
  }

  after(delayMs: number, callback: () => void): Timer {
    this.delaysMs.push(delayMs);
    const timer = systemTimers.after(delayMs / this.#speed, () => {
      this.#live.delete(counted);
      callback();
    });
    const counted: Timer = {
      cancel: () => {
        this.#live.delete(counted);
        timer.cancel();
      },
    };
    this.#live.add(counted);
    return counted;
  }

  every(periodMs: number, callback: () => void): Timer {
    return systemTimers.every(periodMs / this.#speed, callback);
  }

  soon(callback: () => void): void {
    systemTimers.soon(callback);
  }
}

export function frameOf(term: number): Buffer {
  const frame = new MessageFrame();
  frame.add(1, { type: "timeout-now", from: 1, to: 2, term });
  return frame.take();
}

export async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`waited in vain for: ${what}`);
    await sleep(5);
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
