import { assert, type Clock, type Timers } from "../base/index.js";
import type { CheckpointRow, MachineLoader } from "../partition/index.js";
import type { Index, SnapshotMeta } from "../raft/index.js";
import type { GroupId, SegmentedShardLog, ViewableCheckpointStore } from "../storage/index.js";
import type { Logger } from "../telemetry/index.js";
import { nodeLimits } from "./limits.js";
import type { Replica } from "./replica.js";
import type { ShardObserver } from "./shard-observer.js";

export interface CheckpointerOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: SegmentedShardLog;
  readonly store: ViewableCheckpointStore;
  readonly logger: Logger;
  readonly checkpointLogBytes: number;
  readonly logSegmentsMax: number;
  readonly observer: ShardObserver;
  loaderOf(group: GroupId): MachineLoader;
  fatal(error: Error): void;
}

/**
 * Writes checkpoints, one partition at a time, so that a restart replays little and the log can be recycled. The log keeps
 * the entries between the last two checkpoints for followers that come back after a short absence, and those that replicas
 * which are catching up still need: without them a replica that was given a snapshot under load would need another at once.
 */
export class Checkpointer {
  readonly #options: CheckpointerOptions;
  readonly #latest = new Map<GroupId, SnapshotMeta>();
  /** Snapshots on their way to peers: what follows them in the log is needed next. */
  readonly #pins = new Set<{ readonly group: GroupId; readonly index: Index }>();
  #running: Promise<void> | undefined;
  #closed = false;
  /** Nobody knows what is stored: nothing more is written. */
  #failed = false;

  constructor(options: CheckpointerOptions) {
    this.#options = options;
  }

  /** The newest durable checkpoint of a group. */
  latest(group: GroupId): SnapshotMeta | undefined {
    return this.#latest.get(group);
  }

  /** Recovery or an installed snapshot made this the newest. */
  adopt(group: GroupId, snapshot: SnapshotMeta): void {
    this.#latest.set(group, snapshot);
  }

  /** The group is removed. */
  forget(group: GroupId): void {
    this.#latest.delete(group);
  }

  /** Keeps the log of `group` after `index`, as long as there is room for it, until the returned function is called. */
  pin(group: GroupId, index: Index): () => void {
    const pin = { group, index };
    this.#pins.add(pin);
    return () => {
      this.#pins.delete(pin);
    };
  }

  /**
   * Starts a checkpoint if one is due and none runs: of a partition that keeps old segments alive while the log is too long,
   * else of the one with the most log beyond its last checkpoint, once that is over the bound.
   */
  checkDue(replicas: ReadonlyMap<GroupId, Replica>): void {
    if (this.#running !== undefined || this.#closed) return;
    const { log, checkpointLogBytes, logSegmentsMax } = this.#options;
    if (log.stats().segments > logSegmentsMax) {
      const pinning = log.pinning(1).map((group) => replicas.get(group))[0];
      if (pinning !== undefined) {
        void this.exclusively(() => this.#unpin(pinning));
        return;
      }
    }
    let most = checkpointLogBytes;
    let due: Replica | undefined;
    for (const replica of replicas.values()) {
      const bytes = log.bytesAfter(replica.group, this.#latest.get(replica.group)?.index ?? 0);
      if (bytes < most) continue;
      most = bytes;
      due = replica;
    }
    if (due !== undefined) void this.run(due);
  }

  /** Checkpoints `replica` now, after one that may be running; resolves when it is durable. */
  run(replica: Replica): Promise<void> {
    return this.exclusively(() => this.#checkpoint(replica));
  }

  /** Runs `task` while no checkpoint runs; an error in it is fatal. */
  exclusively(task: () => Promise<void>): Promise<void> {
    if (this.#failed) return Promise.resolve();
    const settled = (this.#running ?? Promise.resolve())
      .then(() => (this.#failed ? undefined : task()))
      .then(
        () => {
          if (this.#running === settled) this.#running = undefined;
        },
        (error: unknown) => {
          this.#failed = true;
          this.#options.fatal(error as Error);
        },
      );
    this.#running = settled;
    return settled;
  }

  /** Waits for what runs and what was asked for; starts no other. */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#running !== undefined && !this.#failed) await this.#running;
  }

  /** Gives up the log before the newest checkpoint, after making one where there is news: a peer that needs it gets a snapshot. */
  async #unpin(replica: Replica): Promise<void> {
    await this.#checkpoint(replica);
    const latest = this.#latest.get(replica.group);
    if (latest === undefined || replica.installing || this.#closed) return;
    this.#options.log.checkpointed(replica.group, latest, latest.index + 1);
    replica.core.compacted(latest);
  }

  async #checkpoint(replica: Replica): Promise<void> {
    const { clock, timers, log, store, observer } = this.#options;
    const { group, machine, core } = replica;
    const index = machine.appliedIndex;
    const previous = this.#latest.get(group);
    if (this.#closed || replica.installing || index === 0 || previous?.index === index) return;
    const term = core.term(index);
    if (term === undefined) return;
    const startedMs = clock.monotonicMs();
    const { configuration, index: configurationIndex } = core.configurationAt(index);
    const snapshot: SnapshotMeta = { index, term, configuration, configurationIndex };
    const cursor = machine.beginCheckpoint();
    const puts: CheckpointRow[] = [];
    const deletes: Uint8Array[] = [];
    let bytes = 0;
    for (;;) {
      const slice = cursor.next(nodeLimits.checkpointSliceBytes);
      if (slice === undefined) break;
      for (const row of slice.puts) bytes += row.value.length;
      puts.push(...slice.puts);
      deletes.push(...slice.deletes);
      await new Promise<void>((resolve) => {
        timers.soon(resolve);
      });
    }
    await store.write(group, { snapshot, puts, deletes });
    cursor.committed();
    assert(replica.machine === machine, "nothing is installed while a checkpoint runs");
    this.#latest.set(group, snapshot);
    const kept = this.#keptAfter(replica, previous ?? snapshot);
    log.checkpointed(group, snapshot, kept.index + 1);
    core.compacted(kept);
    observer.checkpointed(clock.monotonicMs() - startedMs, bytes);
  }

  /** What the log may begin after: `base`, or less for the sake of peers that are catching up or about to. */
  #keptAfter({ group, core }: Replica, base: SnapshotMeta): SnapshotMeta {
    const { peers, firstIndex } = core.status();
    let { index } = base;
    for (const pin of this.#pins) if (pin.group === group) index = Math.min(index, pin.index);
    for (const peer of peers) {
      const lives = peer.state === "replicate" || (peer.state === "probe" && peer.recentlyActive);
      if (lives) index = Math.min(index, peer.match);
    }
    index = Math.max(index, firstIndex - 1);
    const term = core.term(index);
    if (index >= base.index || term === undefined) return base;
    const { configuration, index: configurationIndex } = core.configurationAt(index);
    return { index, term, configuration, configurationIndex };
  }
}
