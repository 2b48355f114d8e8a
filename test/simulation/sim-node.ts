import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type ExchangeRequest,
  ExchangeRequestSchema,
  ExchangeResponseSchema,
} from "../../src/gen/marconi/v1/partitions_pb.js";
import { GatewayConnection, type ResponseStream } from "../../src/node/gateway-connection.js";
import type { MemberMap } from "../../src/node/members.js";
import { openReplica } from "../../src/node/open-replica.js";
import { Shard } from "../../src/node/shard.js";
import type { PeerHandlers } from "../../src/peer/index.js";
import { PROTOCOL_VERSION } from "../../src/rpc/index.js";
import {
  MemoryFileSystem,
  openShardLog,
  type RecoveredGroup,
  type ViewableCheckpointStore,
} from "../../src/storage/index.js";
import { CheckpointEngine } from "../../src/storage/checkpoint-engine.js";
import type { SimHost } from "./fabric.js";
import type { Observer } from "./observer.js";
import { type DiskTemper, SimDisk } from "./sim-disk.js";
import { silentLogger } from "./silent-logger.js";
import { SimPeers } from "./sim-peers.js";
import { SimProcess } from "./sim-process.js";
import { RowsOnDisk, SimRows } from "./sim-rows.js";
import type { StreamEnd, StreamHandlers } from "./sim-stream.js";
import type { SimWorld } from "./sim-world.js";

export const CLUSTER_ID = "simulated";
export const GATEWAY_SERVICE = "gateways";

/** A storage machine: its disk and clock stay, processes on it come and go. */
export class SimNode {
  readonly name: string;
  readonly host: SimHost;
  readonly temper: DiskTemper;
  readonly #sim: SimWorld;
  readonly #members: MemberMap;
  readonly #observer: Observer;
  readonly #files = new MemoryFileSystem();
  readonly #rows = new RowsOnDisk();
  #process: SimProcess | undefined;
  #shard: Shard | undefined;

  constructor(sim: SimWorld, name: string, host: SimHost, members: MemberMap, observer: Observer) {
    this.#sim = sim;
    this.name = name;
    this.host = host;
    this.#members = members;
    this.#observer = observer;
    const { syncMs, readMs } = sim.options;
    this.temper = { syncMs, readMs, slowness: 1, failNextSync: false };
  }

  get running(): boolean {
    return this.#process?.alive === true;
  }

  get paused(): boolean {
    return this.#process?.paused === true;
  }

  /** Undefined until a process has started wholly. */
  get shard(): Shard | undefined {
    return this.running ? this.#shard : undefined;
  }

  // --- what may happen to it

  /** Starts a process, unless one runs. */
  boot(): void {
    if (this.running) return;
    const { world } = this.#sim;
    this.host.up = true;
    const process = this.#sim.newProcess(this.name, this.host.skew);
    this.#process = process;
    this.#shard = undefined;
    this.temper.failNextSync = false;
    world.coverage.add("restarts");
    world.timeline.note(undefined, `${this.name} starts`);
    world.after(1, process, () => {
      this.#start(process).catch((error: unknown) => {
        this.#fatal(process, error);
      });
    });
  }

  /** SIGKILL: what was written stays, synced or not. */
  kill(): void {
    if (!this.running) return;
    this.#sim.world.timeline.note(undefined, `${this.name} is killed`);
    this.#sim.world.coverage.add("kills");
    this.#die(this.#process);
    this.#files.crash(this.#sim.world.rng("crashes"), "keep");
  }

  /** The plug is pulled: what was not synced is lost, or half of it. */
  losePower(): void {
    const { world } = this.#sim;
    const rng = world.rng("crashes");
    world.timeline.note(undefined, `${this.name} loses power`);
    world.coverage.add("powerLosses");
    this.host.up = false;
    this.#die(this.#process);
    this.#files.crash(rng, rng.fraction() < 0.3 ? "lose" : "tear");
  }

  #die(process: SimProcess | undefined): void {
    this.#shard = undefined;
    this.host.listeners.clear();
    if (process?.alive !== true) return;
    process.kill();
    this.#sim.fabric.processDied(process);
    this.#rows.crash(this.#sim.world.rng("crashes"));
    this.#observer.nodeDied(this.name);
  }

  pause(): void {
    if (!this.running || this.paused) return;
    this.#sim.world.timeline.note(undefined, `${this.name} is paused`);
    this.#sim.world.coverage.add("pauses");
    this.#process?.pause();
    this.#sim.fabric.checkStreams();
  }

  resume(): void {
    if (!this.paused) return;
    this.#sim.world.timeline.note(undefined, `${this.name} goes on`);
    this.#process?.resume();
    this.#sim.fabric.checkStreams();
  }

  /** What ends a real process: expected after an injected disk error, else the end of the run. */
  #fatal(process: SimProcess, error: unknown): void {
    if (!process.alive) return;
    const injected = error instanceof Error && error.message.includes("injected");
    if (!injected) {
      this.#sim.world.threw(process, error);
      return;
    }
    // Out of the call stack of the dying: a real process stops at once, and here nothing of it runs again.
    this.#sim.world.timeline.note(undefined, `${this.name} stops: ${error.message}`);
    this.#die(process);
    this.#files.crash(this.#sim.world.rng("crashes"), "keep");
    this.#sim.world.after(500, undefined, () => {
      if (this.#sim.supervised) this.boot();
    });
  }

  // --- starting

  async #start(process: SimProcess): Promise<void> {
    const { world, options, hooks } = this.#sim;
    const disk = new SimDisk(this.#files, this.temper, process);
    const engine = new CheckpointEngine(new SimRows(disk, this.#rows), `store of ${this.name}`);
    await engine.removeLeftovers();
    const store = hooks.store?.(engine, process) ?? engine;
    const rng = world.rng(`salts of ${this.name}`);
    const fatal = (error: Error): void => {
      this.#fatal(process, error);
    };
    const opened = await openShardLog({
      directory: "/wal",
      clusterId: CLUSTER_ID,
      nodeId: this.name,
      shard: 0,
      fileSystem: hooks.fileSystem?.(disk, process) ?? disk,
      segmentBytes: options.segmentBytes,
      spares: options.spares,
      onFatal: fatal,
      timers: process,
      clock: process,
      randomU32: () => rng.nextU32(),
    });
    const shard = new Shard({
      nodeId: this.name,
      members: this.#members,
      clock: process,
      timers: process,
      log: this.#observer.watchLog(this.name, hooks.log?.(opened.log, process) ?? opened.log),
      store,
      logger: silentLogger,
      tickMs: options.tickMs,
      checkpointLogBytes: options.checkpointLogBytes,
      logSegmentsMax: options.logSegmentsMax,
      observer: this.#observer.shardObserver(),
      fatal,
    });
    this.#observer.watchSends(this.name, shard);
    await this.#openReplicas(process, shard, store, opened.groups);
    this.#serve(process, shard);
    world.timeline.note(undefined, `${this.name} serves`);
  }

  async #openReplicas(
    process: SimProcess,
    shard: Shard,
    store: ViewableCheckpointStore,
    groups: readonly RecoveredGroup[],
  ): Promise<void> {
    const { options, world, hooks } = this.#sim;
    const rng = world.rng(`replicas of ${this.name}`);
    const recovered = new Map(groups.map((group) => [group.group, hooks.recovered?.(group, process) ?? group]));
    for (let partition = 0; partition < options.partitions; partition++) {
      if (!this.#members.nodesOf(partition).includes(this.name)) continue;
      const found = recovered.get(partition);
      this.#observer.recovered(this.name, partition, found);
      const { replica, checkpoint } = await openReplica(
        {
          dataDirectory: this.name,
          nodeId: this.name,
          members: this.#members,
          log: shard.log,
          store,
          host: shard,
          heartbeatTicks: options.heartbeatTicks,
          electionTicks: options.electionTicks,
          newIncarnation: () => rng.nextU32().toString(16).padStart(16, "0"),
          newSeed: () => hooks.newSeed?.(rng.nextU32()) ?? rng.nextU32(),
        },
        partition,
        found,
      );
      shard.add(replica, checkpoint);
      hooks.core?.(replica.core, process);
      this.#observer.watchReplica(this.name, replica, checkpoint);
    }
  }

  #serve(process: SimProcess, shard: Shard): void {
    const { fabric, options, hooks } = this.#sim;
    const handlers: PeerHandlers = {
      messages: (from, bytes) => {
        shard.messages(from, bytes);
      },
      snapshotPart: (from, part) => {
        shard.snapshotPart(from, part);
      },
      connected: () => undefined,
      disconnected: (node, processGone) => {
        shard.disconnected(node, processGone);
      },
    };
    const peers = new SimPeers({
      fabric,
      process,
      host: this.host,
      peers: this.#members.members.map(({ id }) => id).filter((id) => id !== this.name),
      handlers,
      bufferedBytesMax: options.peerBufferBytesMax,
    });
    this.host.listeners.set(GATEWAY_SERVICE, (end) => {
      end.stream.accept(process, this.#serveGateway(shard, end));
    });
    this.#shard = shard;
    peers.start();
    shard.start(hooks.network?.(peers, process) ?? peers);
  }

  /** As `gateway-service.ts` does over gRPC. */
  #serveGateway(shard: Shard, end: StreamEnd): StreamHandlers {
    let connection: GatewayConnection | undefined;
    const { encodesFrames } = this.#sim.options;
    const stream = new SimResponseStream(end, encodesFrames);
    return {
      data: (payload) => {
        const frame = encodesFrames
          ? fromBinary(ExchangeRequestSchema, payload as Uint8Array)
          : (payload as ExchangeRequest);
        if (connection !== undefined) {
          takeRequests(shard, connection, frame);
          return;
        }
        stream.write(
          Buffer.from(toBinary(ExchangeResponseSchema, create(ExchangeResponseSchema, { hello: this.#hello() }))),
        );
        connection = new GatewayConnection(frame.hello?.gateway ?? "", stream);
        shard.attach(connection);
      },
      closed: () => {
        if (connection === undefined) return;
        shard.detach(connection);
        connection.close();
      },
    };
  }

  #hello(): {
    protocolVersion: number;
    clusterId: string;
    nodeId: string;
    partitionCount: number;
    members: { nodeId: string; address: string }[];
  } {
    return {
      protocolVersion: PROTOCOL_VERSION,
      clusterId: CLUSTER_ID,
      nodeId: this.name,
      partitionCount: this.#members.partitionCount,
      members: this.#members.members.map(({ id, address }) => ({ nodeId: id, address })),
    };
  }
}

function takeRequests(shard: Shard, connection: GatewayConnection, frame: ExchangeRequest): void {
  const { correlations, partitions, lengths, payload } = frame;
  let at = 0;
  for (let i = 0; i < correlations.length; i++) {
    const length = lengths[i] as number;
    shard.request(connection, correlations[i] as number, partitions[i] as number, payload.subarray(at, at + length));
    at += length;
  }
}

class SimResponseStream implements ResponseStream {
  readonly #end: StreamEnd;
  readonly #encodes: boolean;

  constructor(end: StreamEnd, encodes: boolean) {
    this.#end = end;
    this.#encodes = encodes;
  }

  get bufferedBytes(): number {
    return this.#end.bufferedBytes;
  }

  write(frame: Buffer): void {
    this.#end.send(this.#encodes ? frame : fromBinary(ExchangeResponseSchema, frame), frame.length);
  }

  close(): void {
    this.#end.close();
  }
}
