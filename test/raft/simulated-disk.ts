import {
  type Configuration,
  decodeConfiguration,
  type Entry,
  EntryKind,
  type HardState,
  type Message,
  type PersistOrder,
  type RestoredState,
  type SnapshotMeta,
} from "../../src/raft/index.js";

/** What the replicated state machine of the tests holds: the data of every entry applied, as one string. */
export interface MachineState {
  readonly snapshot: SnapshotMeta;
  readonly history: readonly string[];
}

interface Order {
  readonly order: PersistOrder;
  readonly messages: Message[];
}

/**
 * The disk of one replica: what is durable, and the orders that are not. A crash loses the latter, or a suffix of them: a
 * flush may have succeeded without anybody having been told.
 */
export class SimulatedDisk {
  hard: HardState;
  /** Where the log starts. */
  snapshot: SnapshotMeta;
  /** Entries after the snapshot. */
  entries: Entry[] = [];
  checkpoint: MachineState;
  readonly #orders: Order[] = [];

  constructor(start: SnapshotMeta) {
    this.hard = { term: start.term, vote: 0, commit: start.index };
    this.snapshot = start;
    this.checkpoint = { snapshot: start, history: [] };
  }

  get pending(): number {
    return this.#orders.length;
  }

  get lastIndex(): number {
    return this.snapshot.index + this.entries.length;
  }

  submit(order: PersistOrder, messages: readonly Message[]): void {
    this.#orders.push({ order, messages: [...messages] });
  }

  /** Messages without an order wait for the latest one. */
  attach(messages: readonly Message[]): void {
    const last = this.#orders.at(-1);
    if (last === undefined) throw new Error("nothing to wait for: these messages belong into sendNow");
    if (!last.order.mustSync) throw new Error("messages wait for an order that need not be flushed");
    last.messages.push(...messages);
  }

  /** The oldest order reaches the disk. */
  complete(): Order {
    const oldest = this.#orders.shift();
    if (oldest === undefined) throw new Error("no order to complete");
    this.#write(oldest.order);
    return oldest;
  }

  #write({ hard, truncateFrom, entries }: PersistOrder): void {
    if (hard !== undefined) this.hard = hard;
    if (truncateFrom !== undefined) {
      if (truncateFrom <= this.snapshot.index) throw new Error("truncation below the snapshot");
      this.entries.length = Math.min(this.entries.length, truncateFrom - this.snapshot.index - 1);
    }
    for (const entry of entries) {
      if (entry.index !== this.lastIndex + 1) throw new Error(`gap on disk: ${entry.index} after ${this.lastIndex}`);
      this.entries.push(entry);
    }
  }

  /** Power is lost; the first `surviving` orders had reached the disk. */
  crash(surviving: number): void {
    for (let i = 0; i < surviving && this.#orders.length > 0; i++) this.complete();
    this.#orders.length = 0;
  }

  install(state: MachineState, term: number, vote: number): void {
    this.checkpoint = state;
    this.snapshot = state.snapshot;
    this.entries = [];
    this.hard = { term, vote, commit: state.snapshot.index };
  }

  /** Writes a checkpoint, and forgets the log up to `keepFrom - 1`, which becomes its snapshot. */
  writeCheckpoint(state: MachineState): void {
    this.checkpoint = state;
  }

  cut(base: SnapshotMeta): void {
    this.entries = this.entries.slice(base.index - this.snapshot.index);
    this.snapshot = base;
  }

  read(low: number, high: number, bytesMax: number): Entry[] {
    if (low <= this.snapshot.index) return [];
    const start = low - this.snapshot.index - 1;
    const found: Entry[] = [];
    let bytes = 0;
    for (const entry of this.entries.slice(start, start + high - low)) {
      bytes += entry.data.length;
      if (bytes > bytesMax && found.length > 0) break;
      found.push(entry);
    }
    return found;
  }

  restored(): RestoredState {
    const termRuns: { from: number; term: number }[] = [];
    const configurations: { index: number; configuration: Configuration }[] = [];
    for (const { index, term, kind, data } of this.entries) {
      if (termRuns.at(-1)?.term !== term) termRuns.push({ from: index, term });
      if (kind === EntryKind.config) configurations.push({ index, configuration: decodeConfiguration(data) });
    }
    return { hard: this.hard, snapshot: this.snapshot, termRuns, lastIndex: this.lastIndex, configurations };
  }
}
