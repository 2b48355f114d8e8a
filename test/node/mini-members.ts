import { fromBinary } from "@bufbuild/protobuf";
import { assert, type Clock, Xoshiro128 } from "../../src/base/index.js";
import { type Command } from "../../src/command/index.js";
import {
  type ClusterMap,
  type ClusterNode,
  goalOf,
  type MapCommand,
  type MapOutcome,
  metaGroup,
  seatOf,
} from "../../src/cluster/index.js";
import { RequestStatus } from "../../src/contract/index.js";
import { PeerFrameSchema } from "../../src/gen/marconi/v1/peers_pb.js";
import type { MemberNetwork } from "../../src/node/cluster-member.js";
import { ClusterView } from "../../src/node/cluster-view.js";
import type { OpenedReplica } from "../../src/node/hosting.js";
import type { Replica } from "../../src/node/replica.js";
import type { Shard } from "../../src/node/shard.js";
import { StorageNode } from "../../src/node/storage-node.js";
import type { NodeId, SnapshotPart, Standing } from "../../src/peer/index.js";
import type { ReplicaId } from "../../src/raft/index.js";
import {
  MemoryCheckpointDisk,
  MemoryFileSystem,
  openMemoryCheckpointStore,
  openShardLog,
  type SegmentedShardLog,
  type ViewableCheckpointStore,
} from "../../src/storage/index.js";
import { FakeGateway, logger, ManualTime, TICK_MS } from "./mini-cluster.js";
import { foundingOf } from "./maps.js";

/** What a node keeps when its process ends. */
export class Folder {
  readonly incarnation: string;
  readonly rows = new MemoryCheckpointDisk();
  readonly met = new Map<NodeId, string>();
  files = new MemoryFileSystem();
  /** The map that was stored last, and every one before it. */
  map: ClusterMap | undefined;
  /** What storing a map waits for. */
  beforeSave: (map: ClusterMap) => Promise<void> = () => Promise.resolve();

  constructor(incarnation: string) {
    this.incarnation = incarnation;
  }

  async save(map: ClusterMap): Promise<void> {
    await this.beforeSave(map);
    this.map = map;
  }
}

export interface MiniMembersOptions {
  /** Founding nodes n1, n2 and so on. */
  readonly founders: number;
  readonly partitions: number;
  readonly replicationFactor?: number;
  readonly checkpointLogBytes?: number;
  readonly movesMax?: number;
}

/** The process of one node. */
export class MemberProcess implements MemberNetwork {
  readonly id: NodeId;
  readonly folder: Folder;
  readonly node: StorageNode;
  readonly log: SegmentedShardLog;
  readonly store: ViewableCheckpointStore;
  readonly fatal: Error[] = [];
  readonly evictions: string[] = [];
  /** Control frames that were sent, by their first byte, and the bytes of all. */
  readonly controlFrames = new Map<number, number>();
  readonly peers = new Set<NodeId>();
  alive = true;
  readonly #cluster: MiniMembers;

  constructor(
    cluster: MiniMembers,
    id: NodeId,
    folder: Folder,
    map: ClusterMap,
    disk: { log: SegmentedShardLog; store: ViewableCheckpointStore },
  ) {
    this.#cluster = cluster;
    this.id = id;
    this.folder = folder;
    this.log = disk.log;
    this.store = disk.store;
    const { time, options } = cluster;
    const clock: Clock = {
      monotonicMs: () => time.now,
      wallMs: () => time.now + (cluster.clockOffsetsMs.get(id) ?? 0),
    };
    this.node = new StorageNode({
      view: new ClusterView(id, folder.incarnation, map),
      mapStore: folder,
      mapWasStored: folder.map !== undefined,
      ...{ clock, timers: time, log: disk.log, store: disk.store, logger, dataDirectory: id },
      ...{ tickMs: TICK_MS, heartbeatTicks: 2, electionTicks: 20, logSegmentsMax: 1_000, clockSkewMaxMs: 500 },
      checkpointLogBytes: options.checkpointLogBytes ?? 1 << 30,
      movesMax: options.movesMax ?? 4,
      observer: { committed: () => undefined, leaderChanged: () => undefined, checkpointed: () => undefined },
      newSeed: () => cluster.nextSeed(),
      incarnationOf: (node) => folder.met.get(node),
      opened: (opened) => {
        cluster.opened(this, opened);
      },
      fatal: (error) => {
        if (this.alive) this.fatal.push(error);
      },
    });
    void this.node.over.then((reason) => {
      this.evictions.push(reason);
      return cluster.evicted(this);
    });
  }

  get shard(): Shard {
    return this.node.shard;
  }

  get view(): ClusterView {
    return this.node.view;
  }

  replica(group: number): Replica | undefined {
    return this.shard.replicas.get(group);
  }

  /** What it says of a node that comes, as the rules of real streams do. */
  standingOf(node: NodeId, incarnation: string): Standing {
    const standing = this.view.standingOf(node, incarnation);
    const known = this.view.incarnationOf(node) ?? this.folder.met.get(node);
    const isOther = standing.kind === "member" && known !== undefined && known !== incarnation;
    return isOther ? { kind: "unknown" } : standing;
  }

  setPeers(peers: ReadonlyMap<NodeId, string>): void {
    this.peers.clear();
    for (const node of peers.keys()) this.peers.add(node);
    this.#cluster.peersChanged(this);
  }

  send(to: NodeId, frame: Buffer): boolean {
    return this.#deliver(to, ({ node }) => {
      node.member.messages(this.id, fromBinary(PeerFrameSchema, frame).messages);
    });
  }

  sendSnapshotPart(to: NodeId, part: SnapshotPart): boolean {
    if (part.kind === "rows") this.#cluster.snapshotParts++;
    return this.#deliver(to, ({ node }) => {
      node.member.snapshotPart(this.id, part);
    });
  }

  sendControl(to: NodeId, bytes: Uint8Array): boolean {
    const type = bytes[0] as number;
    this.controlFrames.set(type, (this.controlFrames.get(type) ?? 0) + 1);
    return this.#deliver(to, ({ node }) => {
      node.member.control(this.id, bytes);
    });
  }

  isConnected(node: NodeId): boolean {
    return this.#cluster.linked(this.id, node) !== undefined;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #deliver(to: NodeId, hand: (target: MemberProcess) => void): boolean {
    const link = this.#cluster.linked(this.id, to);
    if (link === undefined) return false;
    setImmediate(() => {
      const target = this.#cluster.processes.get(to);
      if (target !== undefined && this.#cluster.linked(this.id, to) === link)
        this.#cluster.guarded(target, () => {
          hand(target);
        });
    });
    return true;
  }
}

/** A stream between two processes; another one after it broke. */
type Link = symbol;

const pairOf = (a: NodeId, b: NodeId): string => (a < b ? `${a} ${b}` : `${b} ${a}`);

/** Whole storage nodes in this process, over memory: they join, leave, lose their disks and are cut off; time moves by hand. */
export class MiniMembers {
  readonly options: MiniMembersOptions;
  readonly time = new ManualTime();
  readonly processes = new Map<NodeId, MemberProcess>();
  readonly folders = new Map<NodeId, Folder>();
  readonly clockOffsetsMs = new Map<NodeId, number>();
  /** Nodes that reach nobody. */
  readonly cut = new Set<NodeId>();
  /** Every process that ever was. */
  readonly all: MemberProcess[] = [];
  snapshotParts = 0;
  readonly #links = new Map<string, Link>();
  /** Replicas that had a term, and the process they had it in last. */
  readonly #acted = new Map<string, MemberProcess>();
  readonly #violations: string[] = [];
  readonly #rng: Xoshiro128;
  #incarnations = 0;
  #linking = false;

  constructor(options: MiniMembersOptions, seed = 1) {
    this.options = options;
    this.#rng = new Xoshiro128(seed);
  }

  nextSeed(): number {
    return this.#rng.nextU32();
  }

  /** All founders, each with an empty folder. */
  async found(): Promise<void> {
    const { founders, partitions, replicationFactor } = this.options;
    const map = foundingOf(founders, partitions, replicationFactor);
    for (const { id } of map.nodes) {
      this.folders.set(id, this.newFolder());
      await this.start(id, map);
    }
  }

  newFolder(): Folder {
    return new Folder((++this.#incarnations + 0xa000).toString(16).padStart(16, "0"));
  }

  /** Starts the node on its folder; `map` when that has none. */
  async start(id: NodeId, map?: ClusterMap): Promise<MemberProcess> {
    const folder = this.folders.get(id) as Folder;
    const first = folder.map ?? map;
    assert(first !== undefined, "a node starts with a map");
    let fatal = (error: Error): void => {
      throw error;
    };
    const opened = await openShardLog({
      ...{ directory: "/log", clusterId: "c", nodeId: id, shard: 0, fileSystem: folder.files },
      segmentBytes: 256 * 1024,
      onFatal: (error) => {
        fatal(error);
      },
    });
    const store = await openMemoryCheckpointStore(folder.rows);
    const process = new MemberProcess(this, id, folder, first, { log: opened.log, store });
    fatal = (error) => {
      if (process.alive) process.fatal.push(error);
    };
    await process.node.recover(opened.groups);
    this.all.push(process);
    this.processes.set(id, process);
    process.node.start(process);
    return process;
  }

  /** A new node with an empty folder asks to be taken in; resolves when it runs. */
  async join(id: NodeId): Promise<MemberProcess> {
    const folder = this.newFolder();
    this.folders.set(id, folder);
    const { incarnation } = folder;
    const map = await this.change({ op: "add-node", id, incarnation, address: `${id}:1` });
    return this.start(id, map);
  }

  /** Ends the process in order. */
  async stop(id: NodeId): Promise<void> {
    const process = this.#end(id);
    process.node.stop();
    await process.node.close();
    await process.log.close();
    await process.store.close();
  }

  /** Ends the process as SIGKILL does; with `power`, what was not synced is lost too. */
  crash(id: NodeId, power = false): void {
    const process = this.#end(id);
    process.node.stop();
    process.folder.files.crash(this.#rng, power ? "lose" : "keep");
    process.folder.rows.crash();
  }

  #end(id: NodeId): MemberProcess {
    const process = this.processes.get(id);
    assert(process !== undefined, `${id} runs`);
    this.#watch();
    process.alive = false;
    this.processes.delete(id);
    this.#unlink((one, other) => one === id || other === id, true);
    return process;
  }

  async stopAll(): Promise<void> {
    for (const id of [...this.processes.keys()]) await this.stop(id);
  }

  // --- the network

  linked(a: NodeId, b: NodeId): Link | undefined {
    return this.#links.get(pairOf(a, b));
  }

  cutOff(id: NodeId): void {
    this.cut.add(id);
    this.#unlink((one, other) => one === id || other === id, false);
  }

  heal(): void {
    this.cut.clear();
    this.#linkSoon();
  }

  /** The peers of a node changed: streams to others end before this returns, new ones are made later. */
  peersChanged(process: MemberProcess): void {
    this.#unlink((one, other) => {
      if (one !== process.id && other !== process.id) return false;
      const peer = one === process.id ? other : one;
      const folder = this.processes.get(peer)?.folder;
      return folder === undefined || !process.peers.has(peer) || !isMember(process, peer, folder);
    }, false);
    this.#linkSoon();
  }

  #unlink(which: (one: NodeId, other: NodeId) => boolean, processGone: boolean): void {
    for (const pair of [...this.#links.keys()]) {
      const [one, other] = pair.split(" ") as [NodeId, NodeId];
      if (!which(one, other)) continue;
      this.#links.delete(pair);
      for (const [id, peer] of [
        [one, other],
        [other, one],
      ] as const) {
        const process = this.processes.get(id);
        if (process === undefined) continue;
        this.guarded(process, () => {
          process.node.member.disconnected(peer, false);
          if (processGone) process.node.member.disconnected(peer, true);
        });
      }
    }
  }

  #linkSoon(): void {
    if (this.#linking) return;
    this.#linking = true;
    setImmediate(() => {
      this.#linking = false;
      const ids = [...this.processes.keys()];
      for (const [i, one] of ids.entries()) for (const other of ids.slice(i + 1)) this.#link(one, other);
    });
  }

  #link(one: NodeId, other: NodeId): void {
    if (this.cut.has(one) || this.cut.has(other) || this.linked(one, other) !== undefined) return;
    const [a, b] = [this.processes.get(one), this.processes.get(other)];
    if (a === undefined || b === undefined) return;
    const welcome = [a, b].map((self) => {
      const peer = self === a ? b : a;
      const standing = self.standingOf(peer.id, peer.folder.incarnation);
      // Only a member may tell.
      if (standing.kind === "evicted" && isMember(peer, self.id, self.folder) && peer.evictions.length === 0)
        peer.node.evicted(standing.reason);
      return standing.kind === "member" && self.peers.has(peer.id);
    });
    if (welcome.includes(false) || !a.alive || !b.alive) return;
    this.#links.set(pairOf(one, other), Symbol());
    for (const [self, peer] of [
      [a, b],
      [b, a],
    ] as const) {
      self.folder.met.set(peer.id, peer.folder.incarnation);
      this.guarded(self, () => {
        self.node.member.connected(peer.id);
      });
    }
  }

  /** An error in what a node does with what it hears is its end. */
  guarded(process: MemberProcess, work: () => void): void {
    try {
      work();
    } catch (error) {
      process.fatal.push(error as Error);
    }
  }

  /** An evicted node stops in order. */
  async evicted(process: MemberProcess): Promise<void> {
    if (this.processes.get(process.id) === process) await this.stop(process.id);
  }

  // --- what must never be

  /** A replica that has had a term never begins again from nothing. */
  opened(process: MemberProcess, { replica, checkpoint }: OpenedReplica): void {
    const { id, group, core } = replica;
    const { term, lastIndex } = core.status();
    const key = `${nameOf(group)} ${String(id)}`;
    if (term === 0 && lastIndex === 0 && checkpoint === undefined && this.#acted.has(key))
      this.#violations.push(`replica ${key} lives a second life on ${process.id}`);
  }

  #watch(): void {
    for (const process of this.processes.values())
      for (const replica of process.shard.replicas.values()) {
        if (replica.leadership.term === 0) continue;
        const key = `${nameOf(replica.group)} ${String(replica.id)}`;
        const before = this.#acted.get(key);
        if (before !== undefined && before !== process && before.alive)
          this.#violations.push(`replica ${key} is on ${before.id} and on ${process.id}`);
        this.#acted.set(key, process);
      }
  }

  /** What went wrong so far. */
  problems(): string[] {
    return [
      ...this.#violations,
      ...this.all.flatMap(({ id, fatal }) => fatal.map((error) => `${id}: ${error.stack ?? error.message}`)),
    ];
  }

  // --- time

  /** Lets everything happen that needs no time. */
  async settle(turns = 30): Promise<void> {
    for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
  }

  async run(durationMs: number): Promise<void> {
    for (let passedMs = 0; passedMs < durationMs; passedMs += TICK_MS) await this.#tick();
  }

  async #tick(): Promise<void> {
    await this.settle(12);
    this.#watch();
    this.time.advance(TICK_MS);
  }

  /** Ticks until `condition` holds. */
  async until(condition: () => boolean, what: string, limitMs = 60_000): Promise<void> {
    for (let passedMs = 0; passedMs < limitMs; passedMs += TICK_MS) {
      await this.settle(12);
      if (condition()) return;
      await this.#tick();
      const problems = this.problems();
      if (problems.length > 0) throw new Error(problems.join("\n"));
    }
    throw new Error(`waited in vain for: ${what}\n${this.describe()}`);
  }

  // --- the cluster

  /** The process that serves a group. */
  leaderOf(group: number): MemberProcess | undefined {
    return [...this.processes.values()].find((process) => process.replica(group)?.serving === true);
  }

  /** The newest map that anybody has. */
  get map(): ClusterMap {
    const maps = [...this.processes.values()].map(({ view }) => view.map);
    return maps.reduce((newest, map) => (map.version > newest.version ? map : newest));
  }

  rowOf(id: NodeId): ClusterNode {
    const row = this.map.nodes.find((node) => node.id === id && node.state !== "gone" && node.state !== "lost");
    assert(row !== undefined, `${id} is a member`);
    return row;
  }

  /** As an operator asks: until the leader of the meta group has done it. Throws when it refuses. */
  async change(command: MapCommand): Promise<ClusterMap> {
    for (let attempt = 0; attempt < 20; attempt++) {
      await this.until(() => this.leaderOf(metaGroup) !== undefined, "a leader of the meta group");
      let outcome: MapOutcome | { readonly lost: string } | undefined;
      void this.leaderOf(metaGroup)
        ?.node.meta.change(command)
        .then((result) => (outcome = result));
      await this.until(() => outcome !== undefined, "the outcome of a change");
      const done = outcome as unknown as MapOutcome | { readonly lost: string };
      if ("refused" in done) throw new Error(done.refused);
      if (!("lost" in done)) return done.map;
    }
    throw new Error("no change of the map is taken");
  }

  setState(id: NodeId, state: "active" | "draining" | "leaving" | "lost"): Promise<ClusterMap> {
    return this.change({ op: "set-node-state", seat: this.rowOf(id).seat, state, successor: 0 });
  }

  /** Why the cluster is not at rest; undefined when everybody runs what the map says and nothing is to be changed. */
  unsettled(): string | undefined {
    const { map } = this;
    for (const [group, { replicas, target, former }] of groupsOf(map)) {
      const name = nameOf(group);
      if (target.length > 0 || former.length > 0) return `${name} is on the way to ${target.map(String).join()}`;
      const leader = this.leaderOf(group);
      if (leader === undefined) return `nobody leads ${name}`;
      const { voters, learners, outgoing } = (leader.replica(group) as Replica).configuration;
      if (learners.length + outgoing.length > 0 || voters.length !== replicas.length)
        return `${name} is between two configurations`;
      if (!voters.every((id) => replicas.includes(id))) return `${name} has other voters than the map`;
    }
    for (const { id, view, shard, folder } of this.processes.values()) {
      if (view.map.version !== map.version) return `${id} has an old map`;
      if (folder.map?.version !== map.version) return `${id} has not stored the map`;
      const wanted = [...view.ownGroups()].map(([group, replica]) => `${nameOf(group)} ${String(replica)}`);
      const held = [...shard.replicas.values()].map((replica) => `${nameOf(replica.group)} ${String(replica.id)}`);
      if (wanted.sort().join() !== held.sort().join()) return `${id} holds ${held.join()}, not ${wanted.join()}`;
      const inLog = wanted.length === [...view.ownGroups().keys()].filter((group) => shard.log.holds(group)).length;
      if (!inLog) return `the log of ${id} lacks a group`;
    }
    return undefined;
  }

  /** At rest for two seconds: nothing is planned any more. */
  async untilSettled(limitMs = 180_000): Promise<void> {
    let sinceMs = this.time.now;
    let version = 0;
    const isQuiet = (): boolean => {
      if (this.unsettled() !== undefined || this.map.version !== version) {
        sinceMs = this.time.now;
        version = this.map.version;
      }
      return this.time.now - sinceMs >= 2_000;
    };
    await this.until(isQuiet, `rest`, limitMs);
  }

  /** State hashes of a group's replicas that all applied the same; ticks until they have. */
  async hashes(group: number): Promise<number[]> {
    const replicas = (): Replica[] => {
      const ids = goalOf(group === metaGroup ? this.map.meta : (this.map.partitions[group] as ClusterMap["meta"]));
      return ids.map((id) => {
        const process = [...this.processes.values()].find(({ view }) => view.own?.seat === seatOf(id));
        const replica = process?.replica(group);
        assert(replica?.id === id, `replica ${String(id)} of ${nameOf(group)} is hosted`);
        return replica;
      });
    };
    const applied = (): Set<number> => new Set(replicas().map(({ machine }) => machine.appliedIndex));
    await this.until(() => applied().size === 1, `equal replicas of ${nameOf(group)}`);
    return replicas().map(({ machine }) => machine.stateHash());
  }

  describe(): string {
    const lines = [...this.processes.values()].map(({ id, view, shard, evictions }) => {
      const replicas = [...shard.replicas.values()].map((replica) => {
        const { voters, outgoing, learners } = replica.configuration;
        const role = replica.serving ? "serves" : replica.leadership.role;
        const members = [voters, outgoing, learners].map((ids) => ids.map(idName).join()).join("/");
        return `${nameOf(replica.group)}:${idName(replica.id)} ${role} ${String(replica.leadership.term)} of ${members}`;
      });
      return `${id} map ${String(view.map.version)} ${evictions.join()} ${replicas.join("; ")}`;
    });
    const rows = this.map.nodes.map(({ seat, id, state }) => `${String(seat)} ${id} ${state}`).join(", ");
    const groups = groupsOf(this.map).map(([group, { replicas, target, former }]) => {
      const lists = [replicas, target, former].map((ids) => ids.map(idName).join()).join("/");
      return `${nameOf(group)} ${lists}`;
    });
    return [this.unsettled() ?? "settled", rows, groups.join("; "), ...lines].join("\n");
  }
}

export function groupsOf(map: ClusterMap): [group: number, placement: ClusterMap["meta"]][] {
  return [[metaGroup, map.meta], ...map.partitions.entries()];
}

/** Seats that hold a replica, or shall, of any group. */
export function seatsInUse(map: ClusterMap): number[] {
  const ids = groupsOf(map).flatMap(([, { replicas, target, former }]) => [...replicas, ...target, ...former]);
  return [...new Set(ids.map(seatOf))].sort((a, b) => a - b);
}

const nameOf = (group: number): string => (group === metaGroup ? "meta" : String(group));
const idName = (id: ReplicaId): string => `${String(seatOf(id))}.${String(Math.floor(id / 2 ** 20))}`;

function isMember(self: MemberProcess, peer: NodeId, { incarnation }: Folder): boolean {
  return self.standingOf(peer, incarnation).kind === "member";
}

/** Makes queues, one after the other in each partition, whoever leads; each is asked for until it is acknowledged. */
export class Writer {
  acknowledged: number[];
  readonly #cluster: MiniMembers;
  readonly #gateways = new Map<MemberProcess, FakeGateway>();
  #pending: ({ readonly gateway: FakeGateway; readonly correlation: number; readonly sinceMs: number } | undefined)[];
  #timer: { cancel(): void } | undefined;
  #stopping = false;

  constructor(cluster: MiniMembers) {
    this.#cluster = cluster;
    this.acknowledged = Array.from({ length: cluster.options.partitions }, () => 0);
    this.#pending = this.acknowledged.map(() => undefined);
  }

  start(): this {
    this.#timer = this.#cluster.time.every(TICK_MS, () => {
      for (const partition of this.acknowledged.keys()) this.#step(partition);
    });
    return this;
  }

  /** Writes no more; resolves when everything that was asked for is acknowledged. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#cluster.until(() => this.#pending.every((one) => one === undefined), "the last writes");
    this.#timer?.cancel();
  }

  get total(): number {
    return this.acknowledged.reduce((sum, one) => sum + one, 0);
  }

  #step(partition: number): void {
    const pending = this.#pending[partition];
    if (pending !== undefined) {
      const [status] = pending.gateway.statuses(pending.correlation);
      if (status === RequestStatus.ok) {
        this.acknowledged[partition] = (this.acknowledged[partition] as number) + 1;
        this.#pending[partition] = undefined;
        if (this.#stopping) return;
      } else if (status === undefined && this.#cluster.time.now - pending.sinceMs < 1_000) return;
    } else if (this.#stopping) return;
    this.#write(partition);
  }

  #write(partition: number): void {
    const leader = this.#cluster.leaderOf(partition);
    if (leader === undefined) return;
    let gateway = this.#gateways.get(leader);
    if (gateway === undefined) {
      gateway = new FakeGateway();
      leader.shard.attach(gateway.connection);
      this.#gateways.set(leader, gateway);
    }
    const number = this.acknowledged[partition] as number;
    const command: Command = { project: "p", queue: `q${String(number)}`, op: "create-queue" };
    const correlation = gateway.command(leader, command, { sequence: number + 1 }, partition);
    this.#pending[partition] = { gateway, correlation, sinceMs: this.#cluster.time.now };
  }
}
