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
  /** Up to which index the log of a group was given up because it had grown too long. */
  readonly #givenUp = new Map<GroupId, Index>();
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
    this.#givenUp.delete(group);
  }

  /**
   * Keeps the log of `group` after `index` until the returned function is called, unless the log grows to twice its bound: a
   * snapshot whose log is given up meanwhile was sent for nothing.
   */
  pin(group: GroupId, index: Index): () => void {
    const pin = { group, index };
    this.#pins.add(pin);
    return () => {
      this.#pins.delete(pin);
    };
  }

  /**
   * Starts a checkpoint if one is due and none runs, and goes on until none is: of a partition that keeps old segments alive
   * while the log is too long, else of the one whose checkpoint would cover the most log, once that is over the bound.
   */
  checkDue(replicas: ReadonlyMap<GroupId, Replica>): void {
    if (this.#running !== undefined || this.#closed || this.#failed) return;
    const pinning = this.#pinning(replicas);
    const due = pinning === undefined ? this.#mostLog(replicas) : undefined;
    const work =
      pinning !== undefined
        ? this.exclusively(() => this.#unpin(pinning))
        : due !== undefined
          ? this.run(due)
          : undefined;
    void work?.then(() => {
      this.checkDue(replicas);
    });
  }

  /** A partition that keeps the oldest segment of a log that is too long alive, and need not. */
  #pinning(replicas: ReadonlyMap<GroupId, Replica>): Replica | undefined {
    const { log, logSegmentsMax } = this.#options;
    const { segments } = log.stats();
    if (segments <= logSegmentsMax) return undefined;
    const pinned = new Set([...this.#pins].map(({ group }) => group));
    for (const group of log.pinning(replicas.size)) {
      const replica = replicas.get(group);
      if (replica === undefined || replica.installing) continue;
      if (pinned.has(group) && segments <= 2 * logSegmentsMax) continue;
      const index = this.#latest.get(group)?.index ?? 0;
      if (hasNews(replica, index) || index > (this.#givenUp.get(group) ?? 0)) return replica;
    }
    return undefined;
  }

  /** What lies beyond the applied index does not count: no checkpoint can cover it yet. */
  #mostLog(replicas: ReadonlyMap<GroupId, Replica>): Replica | undefined {
    const { log, checkpointLogBytes } = this.#options;
    let most = checkpointLogBytes;
    let due: Replica | undefined;
    for (const replica of replicas.values()) {
      const { group, machine } = replica;
      const index = this.#latest.get(group)?.index ?? 0;
      if (!hasNews(replica, index)) continue;
      const bytes = log.bytesAfter(group, index) - log.bytesAfter(group, machine.appliedIndex);
      if (bytes < most) continue;
      most = bytes;
      due = replica;
    }
    return due;
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
    this.#givenUp.set(replica.group, latest.index);
    this.#options.log.checkpointed(replica.group, latest, latest.index + 1);
    replica.core.compacted(latest);
  }

  async #checkpoint(replica: Replica): Promise<void> {
    const { clock, timers, log, store, observer } = this.#options;
    const { group, machine, core } = replica;
    const previous = this.#latest.get(group);
    if (this.#closed || !hasNews(replica, previous?.index ?? 0)) return;
    const index = machine.appliedIndex;
    const term = core.term(index);
    assert(term !== undefined, "what was applied is in the log, or the log begins after it");
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

/** A checkpoint would say more than the one at `index`. */
function hasNews(replica: Replica, index: Index): boolean {
  const { installing, machine, core } = replica;
  return !installing && machine.appliedIndex > index && core.term(machine.appliedIndex) !== undefined;
}
