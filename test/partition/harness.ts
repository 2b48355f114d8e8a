import { ByteWriter } from "../../src/base/index.js";
import {
  type Command,
  type CommandHeader,
  decodeResult,
  encodeCommand,
  encodeQuery,
  EntryBuilder,
  MessageBatchWriter,
  type Operation,
  type Query,
  type Results,
  validateCommand,
  validateQuery,
} from "../../src/command/index.js";
import type { MessageBatch } from "../../src/contract/index.js";
import {
  type CheckpointCursor,
  type CheckpointRow,
  loadMachine,
  type Machine,
  type MachineLimits,
  type QueueMachine,
  type ReplySink,
} from "../../src/partition/index.js";

/** Catches the results of one entry. */
export class CaughtReplies implements ReplySink {
  readonly results = new Map<number, Buffer>();
  #open: ByteWriter | undefined;

  begin(): ByteWriter {
    this.#open = new ByteWriter();
    return this.#open;
  }

  end(ordinal: number): void {
    if (this.#open !== undefined) this.results.set(ordinal, this.#open.copy());
    this.#open = undefined;
  }
}

export interface Sent {
  readonly header: CommandHeader;
  readonly command: Command;
}

export function encodeEntry(timestampMs: number, commands: readonly Sent[]): Buffer {
  const builder = new EntryBuilder();
  builder.begin(timestampMs);
  for (const { header, command } of commands) {
    const out = new ByteWriter();
    encodeCommand(out, header, command);
    if (!validateCommand(out.view())) throw new Error(`a test sends an invalid ${command.op}`);
    builder.add(out.view());
  }
  return builder.finish();
}

export function ask<Q extends Query>(machine: Machine, query: Q, nowMs: number): Results[Q["op"]] {
  const request = new ByteWriter();
  encodeQuery(request, query);
  if (!validateQuery(request.view())) throw new Error(`a test asks an invalid ${query.op}`);
  const out = new ByteWriter();
  machine.query(request.view(), nowMs, out);
  return decodeResult(query.op as Q["op"], out.copy());
}

/** Drives a machine one command an entry, with a session of its own. */
export class Driver<M extends Machine = QueueMachine> {
  readonly machine: M;
  nowMs: number;
  #sequence = 0;

  constructor(machine: M, nowMs = 1_700_000_000_000) {
    this.machine = machine;
    this.nowMs = nowMs;
  }

  do<C extends Command>(command: C): Results[C["op"]] {
    const sequence = ++this.#sequence;
    return this.send({ session: 1, sequence, lowWater: sequence }, command) as Results[C["op"]];
  }

  /** Undefined also when nobody was answered. */
  send<O extends Operation>(header: CommandHeader, command: Command & { op: O }): Results[O] | undefined {
    const replies = new CaughtReplies();
    this.machine.apply(this.machine.appliedIndex + 1, encodeEntry(this.nowMs, [{ header, command }]), replies);
    const bytes = replies.results.get(0);
    return bytes === undefined ? undefined : decodeResult<O>(command.op, bytes);
  }

  ask<Q extends Query>(query: Q): Results[Q["op"]] {
    return ask(this.machine, query, this.nowMs);
  }

  /** An entry without commands, `ms` later. */
  tick(ms: number): void {
    this.nowMs += ms;
    this.machine.apply(this.machine.appliedIndex + 1, encodeEntry(this.nowMs, []), undefined);
  }
}

export function batchOf(ttlSec: number, ...bodies: string[]): MessageBatch {
  const writer = new MessageBatchWriter();
  for (const body of bodies) writer.add(ttlSec, Buffer.from(body));
  return writer.finish();
}

/** The rows of a checkpoint store, in memory, keyed by hex so that key order is string order. */
export class RowStore {
  readonly rows = new Map<string, CheckpointRow>();

  /** One atomic write, as a store would do it. A key must not be put and deleted at once: the order would decide. */
  write(puts: readonly CheckpointRow[], deletes: readonly Uint8Array[]): void {
    const gone = deletes.map((key) => Buffer.from(key).toString("hex"));
    const put = puts.map((row) => Buffer.from(row.key).toString("hex"));
    if (new Set([...gone, ...put]).size !== gone.length + put.length) throw new Error("a checkpoint names a key twice");
    for (const key of gone) this.rows.delete(key);
    puts.forEach((row, i) => this.rows.set(put[i] as string, { key: row.key, value: Uint8Array.from(row.value) }));
  }

  /** A whole checkpoint at once. */
  take(machine: Machine, bytesMax = 1_000): number {
    const taking = new Taking(machine.beginCheckpoint());
    while (taking.slice(bytesMax));
    taking.commit(this);
    return taking.puts.length;
  }

  load(appliedIndex: number, limits: Partial<MachineLimits> = {}): QueueMachine {
    const loader = loadMachine(limits);
    const keys = [...this.rows.keys()].sort();
    // Several small additions, as a store would stream them.
    for (let at = 0; at < keys.length; at += 3) {
      loader.add(keys.slice(at, at + 3).map((key) => this.rows.get(key) as CheckpointRow));
    }
    return loader.finish(appliedIndex);
  }

  copy(): RowStore {
    const copy = new RowStore();
    for (const [key, row] of this.rows) copy.rows.set(key, row);
    return copy;
  }
}

/** A checkpoint that is being gathered slice by slice, while the machine goes on. */
export class Taking {
  readonly cursor: CheckpointCursor;
  readonly puts: CheckpointRow[] = [];
  readonly deletes: Uint8Array[] = [];
  whole = false;

  constructor(cursor: CheckpointCursor) {
    this.cursor = cursor;
  }

  /** False when all is out. */
  slice(bytesMax: number): boolean {
    const slice = this.cursor.next(bytesMax);
    this.whole = slice === undefined;
    this.puts.push(...(slice?.puts ?? []));
    this.deletes.push(...(slice?.deletes ?? []));
    return slice !== undefined;
  }

  commit(store: RowStore): void {
    store.write(this.puts, this.deletes);
    this.cursor.committed();
  }
}
