import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { Rng } from "../../../src/base/index.js";
import { isQuery } from "../../../src/command/index.js";
import { RequestStatus } from "../../../src/contract/index.js";
import type { Connection, ConnectionHandlers, Transport } from "../../../src/gateway/router/index.js";
import {
  type ExchangeRequest,
  type ExchangeResponse,
  ExchangeResponseSchema,
} from "../../../src/gen/marconi/v1/partitions_pb.js";
import { PROTOCOL_VERSION } from "../../../src/rpc/index.js";
import { type Answer, responseOf } from "./fake-answers.js";
import type { ClusterNode, FakeCluster, MembershipList } from "./fake-cluster.js";
import { requestsOf, type SentRequest } from "./memory-transport.js";
import type { VirtualTime } from "./support.js";

const nothing = new Uint8Array(0);
const latencyMsMax = 5;

/** A network of simulated nodes in which everything takes time and may fail, all from one seed. */
export class SimNetwork implements Transport {
  readonly time: VirtualTime;
  readonly rng: Rng;
  readonly nodes = new Map<string, SimNode>();
  readonly dials = new Map<string, number>();

  constructor(time: VirtualTime, rng: Rng) {
    this.time = time;
    this.rng = rng;
  }

  connect(address: string, handlers: ConnectionHandlers): Connection {
    this.dials.set(address, (this.dials.get(address) ?? 0) + 1);
    return new SimConnection(this, this.nodes.get(address), handlers);
  }

  chance(probability: number): boolean {
    return this.rng.fraction() < probability;
  }

  latencyMs(): number {
    return this.rng.fraction() * latencyMsMax;
  }
}

/** One direction of a stream: in order, each item after a delay. */
class Pipe<Item> {
  readonly #network: SimNetwork;
  readonly #deliver: (item: Item) => void;
  #lastMs = 0;

  constructor(network: SimNetwork, deliver: (item: Item) => void) {
    this.#network = network;
    this.#deliver = deliver;
  }

  send(item: Item): void {
    const { time } = this.#network;
    this.#lastMs = Math.max(this.#lastMs, time.monotonicMs() + this.#network.latencyMs());
    time.after(this.#lastMs - time.monotonicMs(), () => {
      this.#deliver(item);
    });
  }
}

/** Both ends of a stream between the router and a node. */
export class SimConnection implements Connection {
  readonly #network: SimNetwork;
  readonly #node: SimNode | undefined;
  readonly #handlers: ConnectionHandlers;
  readonly #toNode: Pipe<ExchangeRequest>;
  readonly #toRouter: Pipe<ExchangeResponse>;
  /** Set by the node: news goes to those that it has greeted. */
  greeted = false;
  /** No frame reaches the router any more, and it knows. */
  #hungUp = false;
  /** No frame reaches the node any more. */
  #cut = false;

  constructor(network: SimNetwork, node: SimNode | undefined, handlers: ConnectionHandlers) {
    this.#network = network;
    this.#node = node;
    this.#handlers = handlers;
    this.#toNode = new Pipe(network, (frame) => {
      if (!this.#cut) this.#node?.receive(this, frame);
    });
    this.#toRouter = new Pipe(network, (frame) => {
      if (!this.#hungUp && !this.#cut) this.#handlers.frame(frame);
    });
    if (node?.up === true) node.connections.add(this);
    else this.breakAfter(network.latencyMs());
  }

  get open(): boolean {
    return !this.#hungUp && !this.#cut;
  }

  send(frame: ExchangeRequest): boolean {
    this.#toNode.send(frame);
    if (!this.#network.chance(0.05)) return true;
    this.#network.time.after(this.#network.latencyMs() * 4, () => {
      if (!this.#hungUp) this.#handlers.drained();
    });
    return false;
  }

  /** The router hangs up. What it has sent may arrive all the same. */
  close(): void {
    this.#hungUp = true;
    if (this.#network.chance(0.5)) this.#cut = true;
  }

  reply(frame: ExchangeResponse): void {
    this.#toRouter.send(frame);
  }

  /** Breaks; the router notices after a while. */
  breakAfter(delayMs: number): void {
    this.#node?.connections.delete(this);
    this.#cut = true;
    this.#network.time.after(delayMs, () => {
      if (this.#hungUp) return;
      this.#hungUp = true;
      this.#handlers.closed("broken");
    });
  }
}

/** A storage node that delays, refuses, forgets to answer, freezes and dies. */
export class SimNode implements ClusterNode {
  readonly id: string;
  readonly address: string;
  readonly connections = new Set<SimConnection>();
  up = true;
  /** While false, requests are answered only as they should be. */
  misbehaves = true;
  readonly #network: SimNetwork;
  readonly #cluster: FakeCluster;
  #frozen: (() => void)[] | undefined;

  constructor(id: string, network: SimNetwork, cluster: FakeCluster, address = `${id}:1`) {
    this.id = id;
    this.address = address;
    this.#network = network;
    this.#cluster = cluster;
    network.nodes.set(this.address, this);
    cluster.nodes.set(id, this);
  }

  /** Streams that neither end has given up. */
  get openCount(): number {
    let count = 0;
    for (const connection of this.connections) if (connection.open) count += 1;
    return count;
  }

  kill(): void {
    this.up = false;
    this.#frozen = undefined;
    for (const connection of this.connections) connection.breakAfter(this.#network.rng.between(0, 300));
  }

  start(): void {
    this.up = true;
  }

  freeze(): void {
    this.#frozen ??= [];
  }

  thaw(): void {
    const actions = this.#frozen ?? [];
    this.#frozen = undefined;
    for (const act of actions) act();
  }

  breakOne(): void {
    const [connection] = this.connections;
    connection?.breakAfter(this.#network.latencyMs());
  }

  pushLeader(partition: number, term: number, leaderNodeId: string, serving: boolean): void {
    this.#push({ leaders: [{ partition, term: BigInt(term), leaderNodeId, serving }] });
  }

  pushMembership(membership: MembershipList): void {
    this.#push({ membership });
  }

  #push(frame: MessageInitShape<typeof ExchangeResponseSchema>): void {
    this.#run(() => {
      for (const connection of this.connections)
        if (connection.greeted) connection.reply(create(ExchangeResponseSchema, frame));
    });
  }

  receive(connection: SimConnection, frame: ExchangeRequest): void {
    this.#run(() => {
      if (frame.hello !== undefined) this.#greet(connection);
      for (const request of requestsOf(frame)) this.#serve(connection, request);
    });
  }

  #run(act: () => void): void {
    if (this.#frozen !== undefined) this.#frozen.push(act);
    else if (this.up) act();
  }

  #greet(connection: SimConnection): void {
    connection.greeted = true;
    const hello = {
      protocolVersion: PROTOCOL_VERSION,
      clusterId: this.#cluster.id,
      nodeId: this.id,
      partitionCount: this.#cluster.partitions.length,
      members: this.#cluster.membership.members,
      mapVersion: this.#cluster.membership.version,
    };
    // Followers say what they know as well: who leads, but not whether it serves.
    const leaders = [...this.#cluster.partitions.entries()].map(([partition, { term, leader, serving }]) => ({
      partition,
      term: BigInt(term),
      leaderNodeId: leader ?? "",
      serving: serving && leader === this.id,
    }));
    connection.reply(create(ExchangeResponseSchema, { hello }));
    connection.reply(create(ExchangeResponseSchema, { leaders }));
  }

  #serve(connection: SimConnection, { correlation, partition, bytes }: SentRequest): void {
    const answer = this.#answer(partition, bytes);
    if (answer === undefined) return;
    const delayMs = this.#network.chance(0.2) ? this.#network.rng.between(0, 40) : 0;
    this.#network.time.after(delayMs, () => {
      this.#run(() => {
        connection.reply(responseOf([{ correlation, ...answer }]));
      });
    });
  }

  #answer(partition: number, bytes: Uint8Array): Answer | undefined {
    const network = this.#network;
    const refuse = (status: number): Answer => ({ status, payload: nothing });
    if (this.misbehaves) {
      if (network.chance(0.03)) return refuse(RequestStatus.notLeader);
      if (network.chance(0.02)) return refuse(RequestStatus.overloaded);
      if (network.chance(0.01) && !isQuery(bytes)) return refuse(RequestStatus.storageFull);
      if (network.chance(0.03)) return refuse(RequestStatus.unknownOutcome);
    }
    const answer = this.#cluster.handle(this.id, partition, bytes);
    if (!this.misbehaves || answer.status === RequestStatus.notLeader) return answer;
    if (network.chance(0.02)) return undefined;
    return network.chance(0.03) ? refuse(RequestStatus.unknownOutcome) : answer;
  }
}
