import type { ClusterMap } from "../../src/cluster/index.js";
import type { ClusterView } from "../../src/node/cluster-view.js";
import type { StorageNode } from "../../src/node/storage-node.js";
import type { Shard } from "../../src/node/shard.js";
import { MemoryFileSystem } from "../../src/storage/index.js";
import type { SimHost } from "./fabric.js";
import { RunningNode } from "./running-node.js";
import { type DiskTemper, SimDisk } from "./sim-disk.js";
import type { SimProcess } from "./sim-process.js";
import { RowsOnDisk } from "./sim-rows.js";
import type { SimWorld } from "./sim-world.js";

/** Far more than a run writes. */
const DISK_BYTES = 1 << 30;

/** A storage machine: its disk and clock stay, processes on it come and go. */
export class SimNode {
  readonly name: string;
  readonly host: SimHost;
  readonly temper: DiskTemper;
  /** A process that ends by itself is started again. */
  supervised = true;
  readonly #sim: SimWorld;
  #files = new MemoryFileSystem();
  #rows = new RowsOnDisk();
  #process: SimProcess | undefined;
  #running: RunningNode | undefined;
  #diskFull = false;
  /** In its data folder: what it is, the map it acts on, and whom it has met. */
  incarnation: string;
  storedMap: ClusterMap | undefined;
  /** One of those that founded the cluster, with the disk that it had then. */
  isFounder: boolean;
  /** What is on its disk is of no use any more: it is not started again. */
  retired = false;
  readonly met = new Map<string, string>();
  /** Until when errors of writes that a full disk refused may still be on their way to whoever asked for them. */
  #refusedUntilMs = 0;

  constructor(sim: SimWorld, name: string, host: SimHost, isFounder: boolean) {
    this.#sim = sim;
    this.name = name;
    this.host = host;
    this.isFounder = isFounder;
    this.incarnation = sim.newIncarnation();
    const { syncMs, readMs } = sim.options;
    this.temper = { syncMs, readMs, slowness: 1, failNextSync: false };
    this.#files.limit(DISK_BYTES);
  }

  get running(): boolean {
    return this.#process?.alive === true;
  }

  get paused(): boolean {
    return this.#process?.paused === true;
  }

  /** What it knows of the cluster, while it runs. */
  get view(): ClusterView | undefined {
    return this.running ? this.#running?.view : undefined;
  }

  /** Undefined until a process has started wholly. */
  get shard(): Shard | undefined {
    return this.running ? this.#running?.shard : undefined;
  }

  /** Undefined until a process has started wholly. */
  get storage(): StorageNode | undefined {
    return this.running ? this.#running?.storage : undefined;
  }

  /** Does something inside the process that runs now, if it still runs then. */
  inside(delayMs: number, act: () => void): void {
    this.#sim.world.after(delayMs, this.#process, act);
  }

  #note(what: string): void {
    this.#sim.world.timeline.note(undefined, `${this.name} ${what}`);
  }

  // --- processes

  /** Starts one, unless one runs. */
  boot(): void {
    if (this.running || this.retired) return;
    const { world } = this.#sim;
    this.host.up = true;
    const process = this.#sim.newProcess(this.name, this.host.skew);
    const disk = new SimDisk(this.#files, this.temper, process);
    const fatal = (error: unknown): void => {
      this.#fatal(process, error);
    };
    const running = new RunningNode({ ...{ sim: this.#sim, node: this, process, disk, rows: this.#rows }, fatal });
    this.#process = process;
    this.#running = running;
    this.temper.failNextSync = false;
    world.coverage.add("restarts");
    this.#note("starts");
    world.after(1, process, () => {
      running.start().then(() => {
        this.#note("serves");
      }, fatal);
    });
  }

  #bootLater(delayMs: number): void {
    this.#sim.world.after(delayMs, undefined, () => {
      if (this.supervised) this.boot();
    });
  }

  /** SIGTERM, and after a while a new start: one step of a rolling restart. */
  restart(afterMs: number): void {
    const process = this.#process;
    if (process?.alive !== true || process.paused) return;
    this.#note("is told to stop");
    this.#running?.stop().then(
      () => {
        this.#sim.world.coverage.add("cleanStops");
        this.#note("has stopped");
        this.#end(process);
        this.#bootLater(afterMs);
      },
      (error: unknown) => {
        this.#fatal(process, error);
      },
    );
  }

  /** SIGKILL: what was written stays, synced or not. */
  kill(): void {
    if (!this.running) return;
    this.#note("is killed");
    this.#sim.world.coverage.add("kills");
    this.#end(this.#process);
  }

  #end(process: SimProcess | undefined): void {
    this.#die(process);
    this.#files.crash(this.#sim.world.rng("crashes"), "keep");
  }

  /** The plug is pulled: what was not synced is lost, or half of it. */
  losePower(): void {
    const { world } = this.#sim;
    const rng = world.rng("crashes");
    this.#note("loses power");
    world.coverage.add("powerLosses");
    this.host.up = false;
    this.#die(this.#process);
    this.#files.crash(rng, rng.fraction() < 0.3 ? "lose" : "tear");
  }

  #die(process: SimProcess | undefined): void {
    this.host.listeners.clear();
    if (process?.alive !== true) return;
    process.kill();
    this.#running = undefined;
    this.#sim.fabric.processDied(process);
    this.#rows.crash(this.#sim.world.rng("crashes"));
    this.#sim.observer.nodeDied(this.name);
  }

  pause(): void {
    if (!this.running || this.paused) return;
    this.#note("is paused");
    this.#sim.world.coverage.add("pauses");
    this.#process?.pause();
    this.#sim.fabric.checkStreams();
  }

  resume(): void {
    if (!this.paused) return;
    this.#note("goes on");
    this.#process?.resume();
    this.#sim.fabric.checkStreams();
  }

  /** It is no member any more: it ends, and nobody starts it again. */
  evicted(process: SimProcess, reason: string): void {
    if (!process.alive) return;
    this.#note(`is no member any more: ${reason}`);
    this.#sim.world.coverage.add("evictions");
    this.retired = true;
    this.#end(process);
  }

  // --- data that gets lost

  /** Another disk: nothing of what the machine was is left. */
  wipe(): void {
    this.loseLog();
    this.#note("lost its disk");
    this.#rows = new RowsOnDisk();
    this.incarnation = this.#sim.newIncarnation();
    this.storedMap = undefined;
    this.met.clear();
    this.isFounder = false;
    this.retired = false;
  }

  /** The log is gone; which map the node acted on and what it checkpointed is not. */
  loseLog(): void {
    this.kill();
    this.#note("lost its log");
    this.#sim.lives.allLost(this.name);
    this.#sim.observer.logLost(this.name);
    this.#files = new MemoryFileSystem();
    this.#files.limit(DISK_BYTES);
    this.#diskFull = false;
  }

  /** The checkpoints are gone. */
  loseStore(): void {
    this.kill();
    this.#note("lost its store");
    this.#sim.lives.allDoubtful(this.name);
    this.#rows = new RowsOnDisk();
  }

  /** What ends a real process: expected where the disk was made to fail, else the end of the run. */
  #fatal(process: SimProcess, error: unknown): void {
    if (!process.alive) return;
    if (!(error instanceof Error) || !this.#isExpected(error)) {
      this.#sim.world.threw(process, error);
      return;
    }
    this.#note(`stops: ${error.message}`);
    this.#end(process);
    this.#bootLater(500);
  }

  #isExpected(error: Error): boolean {
    const noRoom = "code" in error && error.code === "ENOSPC";
    const refused = this.#diskFull || this.#sim.world.nowMs < this.#refusedUntilMs;
    return error.message.includes("injected") || (refused && noRoom);
  }

  // --- the disk

  /** Leaves room for `freeBytes` more. */
  fillDisk(freeBytes: number): void {
    this.#note(`has ${freeBytes.toFixed(0)} bytes of disk left`);
    this.#sim.world.coverage.add("fullDisks");
    this.#diskFull = true;
    this.#files.space().then(
      (space) => {
        if (this.#diskFull) this.#files.limit(space.totalBytes - space.freeBytes + freeBytes);
      },
      (error: unknown) => {
        this.#sim.world.threw(undefined, error);
      },
    );
  }

  freeDisk(): void {
    if (!this.#diskFull) return;
    this.#note("has room on its disk again");
    this.#files.limit(DISK_BYTES);
    this.#diskFull = false;
    this.#refusedUntilMs = this.#sim.world.nowMs + 1_000;
  }
}
