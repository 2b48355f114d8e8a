import { fromBinary } from "@bufbuild/protobuf";
import { ByteWriter, type Clock, type Timer, type Timers } from "../../src/base/index.js";
import { type Command, encodeCommand, encodeQuery, type Query } from "../../src/command/index.js";
import { type ExchangeResponse, ExchangeResponseSchema } from "../../src/gen/marconi/v1/partitions_pb.js";
import { PeerFrameSchema } from "../../src/gen/marconi/v1/peers_pb.js";
import type { ClusterMap } from "../../src/cluster/index.js";
import { ClusterView } from "../../src/node/cluster-view.js";
import { GatewayConnection } from "../../src/node/gateway-connection.js";
import { openReplica } from "../../src/node/open-replica.js";
import type { Replica } from "../../src/node/replica.js";
import { Shard } from "../../src/node/shard.js";
import { loadMachine } from "../../src/partition/index.js";
import type { NodeId, PeerNetwork, SnapshotPart } from "../../src/peer/index.js";
import {
  MemoryCheckpointDisk,
  MemoryFileSystem,
  openMemoryCheckpointStore,
  openShardLog,
  type SegmentedShardLog,
  type ViewableCheckpointStore,
} from "../../src/storage/index.js";
import { createLogger } from "../../src/telemetry/index.js";
import { foundingOf } from "./maps.js";

export const logger = createLogger({ name: "test", level: "silent" });
export const TICK_MS = 50;

/** Time that moves by hand; `soon` is real, since nothing waits for it. */
export class ManualTime implements Timers, Clock {
  now = 1_000_000;
  readonly #periodic = new Set<{ readonly periodMs: number; readonly callback: () => void; nextMs: number }>();

  wallMs(): number {
    return this.now;
  }

  monotonicMs(): number {
    return this.now;
  }

  after(delayMs: number, callback: () => void): Timer {
    const timer = this.every(delayMs, () => {
      timer.cancel();
      callback();
    });
    return timer;
  }

  every(periodMs: number, callback: () => void): Timer {
    const one = { periodMs, callback, nextMs: this.now + periodMs };
    this.#periodic.add(one);
    return { cancel: () => this.#periodic.delete(one) };
  }

  soon(callback: () => void): void {
    setImmediate(callback);
  }

  get running(): number {
    return this.#periodic.size;
  }

  advance(ms: number): void {
    this.now += ms;
    for (const one of [...this.#periodic]) {
      if (one.nextMs > this.now) continue;
      one.nextMs += one.periodMs;
      one.callback();
    }
  }
}

/** What a node keeps when its process ends. */
class Disk {
  readonly files = new MemoryFileSystem();
  readonly rows = new MemoryCheckpointDisk();
}

export class MiniNode implements PeerNetwork {
  readonly id: NodeId;
  readonly view: ClusterView;
  readonly shard: Shard;
  readonly log: SegmentedShardLog;
  readonly store: ViewableCheckpointStore;
  readonly fatal: Error[];
  readonly checkpoints: number[] = [];
  readonly #cluster: MiniCluster;

  constructor(
    cluster: MiniCluster,
    id: NodeId,
    parts: { log: SegmentedShardLog; store: ViewableCheckpointStore; fatal: Error[] },
  ) {
    this.id = id;
    this.view = new ClusterView(id, "", cluster.map);
    this.#cluster = cluster;
    this.log = parts.log;
    this.store = parts.store;
    this.fatal = parts.fatal;
    this.shard = new Shard({
      view: this.view,
      clock: cluster.time,
      timers: cluster.time,
      log: this.log,
      store: this.store,
      logger,
      tickMs: TICK_MS,
      checkpointLogBytes: cluster.checkpointLogBytes,
      logSegmentsMax: 1_000,
      observer: {
        committed: () => undefined,
        leaderChanged: () => undefined,
        checkpointed: (_, bytes) => this.checkpoints.push(bytes),
      },
      loaderOf: () => loadMachine(),
      fatal: (error) => this.fatal.push(error),
    });
  }

  get replica(): Replica {
    return this.shard.replicas.get(0) as Replica;
  }

  send(to: NodeId, frame: Buffer): boolean {
    return this.#deliver(to, (shard) => {
      shard.messages(this.id, fromBinary(PeerFrameSchema, frame).messages);
    });
  }

  sendSnapshotPart(to: NodeId, part: SnapshotPart): boolean {
    if (part.kind === "rows") this.#cluster.parts++;
    return this.#deliver(to, (shard) => {
      shard.snapshotPart(this.id, part);
    });
  }

  /** Shards say nothing about the cluster itself. */
  sendControl(): boolean {
    return false;
  }

  isConnected(node: NodeId): boolean {
    return this.#cluster.linked(this.id, node);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #deliver(to: NodeId, hand: (shard: Shard) => void): boolean {
    if (!this.isConnected(to)) return false;
    setImmediate(() => {
      const target = this.#cluster.nodes.get(to);
      if (target !== undefined && this.isConnected(to)) hand(target.shard);
    });
    return true;
  }

  async stop(): Promise<void> {
    this.shard.stop();
    await this.shard.close();
    await this.log.close();
    await this.store.close();
    this.#cluster.nodes.delete(this.id);
    for (const node of this.#cluster.nodes.values()) node.shard.disconnected(this.id, true);
  }
}

/** Shards of several nodes in this process, over memory: real replicas, real log, time by hand. */
export class MiniCluster {
  readonly map: ClusterMap;
  readonly nodes = new Map<NodeId, MiniNode>();
  readonly time = new ManualTime();
  readonly cut = new Set<NodeId>();
  readonly #disks = new Map<NodeId, Disk>();
  checkpointLogBytes = 1 << 30;
  /** Parts of snapshots that were sent. */
  parts = 0;

  /** `ids` are n1, n2 and so on. */
  constructor(ids: readonly NodeId[]) {
    this.map = foundingOf(ids.length, 1, ids.length);
  }

  linked(a: NodeId, b: NodeId): boolean {
    return this.nodes.has(a) && this.nodes.has(b) && !this.cut.has(a) && !this.cut.has(b);
  }

  async start(id: NodeId): Promise<MiniNode> {
    const disk = this.#disks.get(id) ?? new Disk();
    this.#disks.set(id, disk);
    const fatal: Error[] = [];
    const opened = await openShardLog({
      directory: "/log",
      clusterId: "c",
      nodeId: id,
      shard: 0,
      fileSystem: disk.files,
      segmentBytes: 1024 * 1024,
      onFatal: (error) => fatal.push(error),
    });
    const store = await openMemoryCheckpointStore(disk.rows);
    const node = new MiniNode(this, id, { log: opened.log, store, fatal });
    const { replica, checkpoint } = await openReplica(
      {
        dataDirectory: id,
        view: node.view,
        log: opened.log,
        store,
        host: node.shard,
        heartbeatTicks: 2,
        electionTicks: 20,
        loaderOf: () => loadMachine(),
        newSeed: () => id.charCodeAt(1),
      },
      0,
      node.view.ownReplicaOf(0) as number,
      opened.groups[0],
    );
    node.shard.add(replica, checkpoint);
    this.nodes.set(id, node);
    node.shard.start(node);
    return node;
  }

  async startAll(): Promise<void> {
    for (const { id } of this.map.nodes) await this.start(id);
  }

  async stopAll(): Promise<void> {
    for (const node of [...this.nodes.values()]) await node.stop();
  }

  /** Lets everything happen that needs no time. */
  async settle(turns = 60): Promise<void> {
    for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Ticks until `condition` holds. */
  async until(condition: () => boolean, what: string, ticksMax = 400): Promise<void> {
    for (let i = 0; i < ticksMax; i++) {
      await this.settle(20);
      if (condition()) return;
      this.time.advance(TICK_MS);
    }
    throw new Error(`waited in vain for: ${what}`);
  }

  /** The node that serves, once there is one. */
  async leader(): Promise<MiniNode> {
    const serving = (): MiniNode | undefined => [...this.nodes.values()].find((node) => node.replica.serving);
    await this.until(() => serving() !== undefined, "a leader");
    return serving() as MiniNode;
  }
}

/** Whoever a gateway asks. */
export type Asked = Pick<MiniNode, "shard">;

/** A gateway that remembers what it was answered. */
export class FakeGateway {
  readonly connection: GatewayConnection;
  readonly answers = new Map<number, { readonly status: number; readonly result: Uint8Array }[]>();
  readonly frames: ExchangeResponse[] = [];
  bufferedBytes = 0;
  ended = false;
  #correlation = 0;
  #sequence = 0;

  constructor(node?: Asked) {
    this.connection = new GatewayConnection("g", this);
    node?.shard.attach(this.connection);
  }

  write(frame: Buffer): void {
    const response = fromBinary(ExchangeResponseSchema, frame);
    this.frames.push(response);
    let at = 0;
    response.correlations.forEach((correlation, i) => {
      const length = response.lengths[i] ?? 0;
      const answer = { status: response.statuses[i] ?? 0, result: response.payload.subarray(at, at + length) };
      this.answers.set(correlation, [...(this.answers.get(correlation) ?? []), answer]);
      at += length;
    });
  }

  close(): void {
    this.ended = true;
  }

  command(node: Asked, command: Command, header: { sequence?: number; lowWater?: number } = {}, partition = 0): number {
    const out = new ByteWriter();
    const sequence = header.sequence ?? ++this.#sequence;
    encodeCommand(out, { session: 77, sequence, lowWater: header.lowWater ?? 1 }, command);
    return this.#request(node, out.take(), partition);
  }

  query(node: Asked, query: Query): number {
    const out = new ByteWriter();
    encodeQuery(out, query);
    return this.#request(node, out.take());
  }

  raw(node: Asked, request: Uint8Array): number {
    return this.#request(node, request);
  }

  #request(node: Asked, request: Uint8Array, partition = 0): number {
    const correlation = ++this.#correlation;
    node.shard.request(this.connection, correlation, partition, request);
    return correlation;
  }

  /** Statuses that answered `correlation`: one at most, or something is wrong. */
  statuses(correlation: number): number[] {
    return (this.answers.get(correlation) ?? []).map(({ status }) => status);
  }
}
