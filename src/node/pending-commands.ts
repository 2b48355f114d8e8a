import { assert, type ByteWriter } from "../base/index.js";
import { RequestStatus } from "../contract/index.js";
import type { ReplySink } from "../partition/index.js";
import type { Index, Term } from "../raft/index.js";
import type { GatewayConnection } from "./gateway-connection.js";
import { nodeLimits } from "./limits.js";

/** Commands as columns: who asked what under which correlation. */
interface Batch {
  readonly connections: GatewayConnection[];
  readonly correlations: number[];
  readonly commands: Uint8Array[];
}

/** An entry that this leader proposed, with those who wait for its results. */
interface ProposedEntry {
  readonly index: Index;
  readonly term: Term;
  readonly proposedAtMs: number;
  readonly batch: Batch;
}

/** Resolved entries at the head of the list before it is cut. */
const HEAD_MAX = 1_024;

const emptyBatch = (): Batch => ({ connections: [], correlations: [], commands: [] });

/** The commands of one partition on their leader: first waiting to be proposed, then waiting to be applied. */
export class PendingCommands {
  /** Called when an answer was written into a connection, which then wants a flush. */
  readonly #touched: (connection: GatewayConnection) => void;
  #queued = emptyBatch();
  #queuedBytes = 0;
  /** In the order of their indexes; those before #head are resolved. Long when followers are slow and entries small. */
  #proposed: (ProposedEntry | undefined)[] = [];
  #head = 0;

  constructor(touched: (connection: GatewayConnection) => void) {
    this.#touched = touched;
  }

  get queuedCount(): number {
    return this.#queued.commands.length;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  get proposedCount(): number {
    return this.#proposed.length - this.#head;
  }

  /** False, and nothing kept, when the queue is full. */
  enqueue(connection: GatewayConnection, correlation: number, command: Uint8Array): boolean {
    if (
      this.#queued.commands.length >= nodeLimits.queuedCommandsMax ||
      this.#queuedBytes + command.length > nodeLimits.queuedBytesMax
    )
      return false;
    this.#queued.connections.push(connection);
    this.#queued.correlations.push(correlation);
    this.#queued.commands.push(command);
    this.#queuedBytes += command.length;
    return true;
  }

  /** Hands the commands of the next entry to `add`, in order, within the bounds of an entry, and returns how many. */
  peek(add: (command: Uint8Array) => void): number {
    let count = 0;
    let bytes = 0;
    for (const command of this.#queued.commands) {
      if (count >= nodeLimits.entryCommandsMax) break;
      if (count > 0 && bytes + command.length > nodeLimits.entryBytesMax) break;
      add(command);
      bytes += command.length;
      count++;
    }
    return count;
  }

  /** The first `count` commands became the entry at `index`. */
  proposed(count: number, index: Index, term: Term, nowMs: number): void {
    const batch = this.#takeQueued(count);
    this.#proposed.push({ index, term, proposedAtMs: nowMs, batch });
  }

  #takeQueued(count: number): Batch {
    const all = this.#queued;
    if (count === all.commands.length) {
      this.#queued = emptyBatch();
      this.#queuedBytes = 0;
      return all;
    }
    const taken = {
      connections: all.connections.splice(0, count),
      correlations: all.correlations.splice(0, count),
      commands: all.commands.splice(0, count),
    };
    for (const command of taken.commands) this.#queuedBytes -= command.length;
    return taken;
  }

  /**
   * Those who wait for the entry at `index`: a sink for its results and the time of the proposal; undefined when it is not
   * one that this leader proposed in `term`.
   */
  resolve(index: Index, term: Term): { readonly sink: BatchSink; readonly proposedAtMs: number } | undefined {
    const head = this.#proposed[this.#head];
    if (head?.index !== index) return undefined;
    assert(head.term === term, "a deposed leader forgets its proposals before others' entries are applied");
    this.#proposed[this.#head++] = undefined;
    this.#cutHead();
    return { sink: new BatchSink(head.batch, this.#touched), proposedAtMs: head.proposedAtMs };
  }

  #cutHead(): void {
    if (this.#head === this.#proposed.length) this.#proposed.length = 0;
    else if (this.#head < HEAD_MAX || this.#head * 2 < this.#proposed.length) return;
    else this.#proposed = this.#proposed.slice(this.#head);
    this.#head = 0;
  }

  /** Leadership is gone: what was proposed may or may not be committed, what was only queued was not done. */
  failAll(): void {
    const proposed = this.#proposed;
    const queued = this.#queued;
    this.#proposed = [];
    this.#head = 0;
    this.#queued = emptyBatch();
    this.#queuedBytes = 0;
    for (const entry of proposed) if (entry !== undefined) this.#refuse(entry.batch, RequestStatus.unknownOutcome);
    this.#refuse(queued, RequestStatus.notLeader);
  }

  #refuse(batch: Batch, status: RequestStatus): void {
    batch.connections.forEach((connection, i) => {
      const correlation = batch.correlations[i];
      assert(correlation !== undefined, "columns of equal length");
      connection.refuse(correlation, status);
      this.#touched(connection);
    });
  }
}

/** Where the results of one entry go. */
export class BatchSink implements ReplySink {
  readonly #batch: Batch;
  readonly #touched: (connection: GatewayConnection) => void;
  /** Ordinal of the first command that has no answer yet. */
  #next = 0;

  constructor(batch: Batch, touched: (connection: GatewayConnection) => void) {
    this.#batch = batch;
    this.#touched = touched;
  }

  begin(ordinal: number): ByteWriter | undefined {
    this.#forgottenBefore(ordinal);
    this.#next = ordinal + 1;
    const connection = this.#batch.connections[ordinal];
    const correlation = this.#batch.correlations[ordinal];
    if (connection === undefined || correlation === undefined || connection.closed) return undefined;
    return connection.begin(correlation);
  }

  end(ordinal: number): void {
    const connection = this.#batch.connections[ordinal];
    assert(connection !== undefined, "ends what was begun");
    connection.end();
    this.#touched(connection);
  }

  /** The entry is applied: whoever has no answer by now gets none from the machine. */
  finish(): void {
    this.#forgottenBefore(this.#batch.connections.length);
  }

  /** The machine passes over commands that their session has declared answered for good; their senders still wait for a word. */
  #forgottenBefore(end: number): void {
    for (; this.#next < end; this.#next++) {
      const connection = this.#batch.connections[this.#next];
      const correlation = this.#batch.correlations[this.#next];
      assert(connection !== undefined && correlation !== undefined, "columns of equal length");
      connection.refuse(correlation, RequestStatus.forgotten);
      this.#touched(connection);
    }
  }
}
