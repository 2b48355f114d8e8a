import { assert, DecodeError } from "../base/index.js";
import type { SnapshotMeta } from "../raft/index.js";
import {
  decodeRoot,
  encodeRoot,
  GENERATION_MAX,
  generationOf,
  groupOf,
  intentGeneration,
  intentKey,
  KEY_PREFIX_BYTES,
  prefix,
  type Root,
  rootKey,
  rowKey,
  SUM_BYTES,
  verifiedSum,
  withSum,
} from "./checkpoint-keys.js";
import type { CheckpointBatch, CheckpointRoot, CheckpointStore, Row, StagedCheckpoint } from "./checkpoint-store.js";
import { CorruptionError, REPLACE_NODE_ADVICE } from "./errors.js";
import type { OrderedRows, RowScan } from "./ordered-rows.js";
import { rowSum } from "./row-hash.js";
import { RowSet } from "./row-set.js";
import type { GroupId } from "./shard-log.js";

const DELETE_COUNT_MAX = 1000;
const EMPTY = new Uint8Array(0);

/** A checkpoint as of one moment: later writes do not show. It is held until it was read to its end, or its iterator returned. */
export interface CheckpointView {
  readonly root: CheckpointRoot;
  /** In key order, about a MiB at a time. */
  readonly rows: AsyncIterableIterator<Row[], undefined>;
}

/** The contract, and what a sender of snapshots needs besides: root and rows of the same moment. */
export interface ViewableCheckpointStore extends CheckpointStore {
  view(group: GroupId): Promise<CheckpointView | undefined>;
}

interface GroupCheckpoint {
  readonly root: Root | undefined;
  readonly rows: RowSet;
}

/**
 * Checkpoints over an ordered key-value store. Operations on one group run one after another. After a failed write nobody
 * knows what is stored, so every later operation fails with the same error.
 */
export class CheckpointEngine implements ViewableCheckpointStore {
  readonly #store: OrderedRows;
  readonly #path: string;
  readonly #groups = new Map<GroupId, GroupCheckpoint>();
  readonly #tails = new Map<GroupId, Promise<unknown>>();
  readonly #nextGeneration = new Map<GroupId, number>();
  /** How often each group was cleared: what was staged before is gone with the rest. */
  readonly #clearings = new Map<GroupId, number>();
  #failure: Error | undefined;

  /** `path` names the store in errors. */
  constructor(store: OrderedRows, path: string) {
    this.#store = store;
    this.#path = path;
  }

  /** Removes what crashed stages and removals left. To be called once, before anything else. */
  async removeLeftovers(): Promise<void> {
    let from = prefix(0, 0);
    for (;;) {
      const [next] = await this.#store.keys(from, prefix(0xffffffff, 0xffffffff), 1);
      if (next === undefined) return;
      const group = groupOf(next);
      await this.#removeLeftoversOf(group);
      if (group === 0xffffffff) return;
      from = prefix(group + 1, 0);
    }
  }

  open(group: GroupId): Promise<CheckpointRoot | undefined> {
    return this.#inTurn(group, async () => {
      const { root } = await this.#load(group);
      return root && publicRoot(root);
    });
  }

  rows(group: GroupId): AsyncIterable<Row[]> {
    const view = this.view(group);
    // Reported to whoever iterates.
    view.catch(() => undefined);
    return (async function* () {
      const found = await view;
      if (found !== undefined) yield* found.rows;
    })();
  }

  view(group: GroupId): Promise<CheckpointView | undefined> {
    return this.#inTurn(group, async () => {
      const { root } = await this.#known(group);
      if (root === undefined) return undefined;
      const scan = this.#scan(group, root.generation);
      return { root: publicRoot(root), rows: this.#drain(group, scan) };
    });
  }

  /** No generator: one that is ended before its first step would never close its scan. */
  #drain(group: GroupId, scan: RowScan): AsyncIterableIterator<Row[], undefined> {
    let open = true;
    const end = async (): Promise<IteratorReturnResult<undefined>> => {
      open = false;
      await scan.close();
      return { done: true, value: undefined };
    };
    return {
      next: async () => {
        if (!open) return { done: true, value: undefined };
        try {
          const rows = await scan.next();
          if (rows.length === 0) return await end();
          return { done: false, value: rows.map((row) => this.#verified(group, row).row) };
        } catch (error) {
          await end();
          throw error;
        }
      },
      return: end,
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  get(group: GroupId, key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#inTurn(group, async () => {
      const { root } = await this.#known(group);
      if (root === undefined) return undefined;
      const whole = rowKey(group, root.generation, key);
      const value = await this.#store.get(whole);
      return value && this.#verified(group, { key: whole, value }).row.value;
    });
  }

  write(group: GroupId, batch: CheckpointBatch): Promise<void> {
    return this.#inTurn(group, async () => {
      const { root, rows } = await this.#known(group);
      const generation = root?.generation ?? this.#takeGeneration(group, 0);
      const deletes = batch.deletes.map((key) => rowKey(group, generation, key));
      for (const key of batch.deletes) rows.delete(key);
      // The root comes last: it is known when the rows before it have been taken.
      const rootOf = (): Root => ({ generation, ...rows.summary, snapshot: batch.snapshot });
      const puts = (function* (): Iterable<Row> {
        yield* storedRows(group, generation, batch.puts, rows);
        yield rootRow(group, rootOf());
      })();
      await this.#write(puts, deletes);
      this.#groups.set(group, { root: rootOf(), rows });
    });
  }

  stage(group: GroupId): Promise<StagedCheckpoint> {
    return this.#inTurn(group, async () => {
      const { root } = await this.#known(group);
      const generation = this.#takeGeneration(group, root?.generation ?? 0);
      await this.#write([intentRow(group, generation)], []);
      return this.#staged(group, generation);
    });
  }

  /** Works on a damaged checkpoint too: it is how a replica gives one up before it is filled again. */
  clear(group: GroupId): Promise<void> {
    this.#clearings.set(group, this.#clearingsOf(group) + 1);
    return this.#inTurn(group, () => this.#clear(group));
  }

  async #clear(group: GroupId): Promise<void> {
    this.#groups.delete(group);
    const generations = await this.#generationsOf(group);
    for (const generation of generations) this.#takeGeneration(group, generation);
    const intents = [...generations].map((generation) => intentRow(group, generation));
    await this.#write(intents, [rootKey(group)]);
    for (const generation of generations) await this.#removeGeneration(group, generation);
  }

  quarantine(group: GroupId): Promise<string> {
    this.#clearings.set(group, this.#clearingsOf(group) + 1);
    return this.#inTurn(group, async () => {
      const place = await this.#store.setAside(group, prefix(group, 0), prefix(group, GENERATION_MAX + 1));
      await this.#clear(group);
      return place;
    });
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#tails.values());
    await this.#store.close();
  }

  #staged(group: GroupId, generation: number): StagedCheckpoint {
    const rows = new RowSet();
    const clearings = this.#clearingsOf(group);
    let open = true;
    return {
      summary: () => rows.summary,
      add: async (added) => {
        assert(open && clearings === this.#clearingsOf(group), "the staged checkpoint is finished");
        await this.#inTurn(group, async () => {
          // Rows that come after a clearing would outlive it.
          if (clearings === this.#clearingsOf(group)) await this.#write(storedRows(group, generation, added, rows), []);
        });
      },
      commit: (snapshot) => {
        assert(open && clearings === this.#clearingsOf(group), "the staged checkpoint is finished");
        open = false;
        return this.#inTurn(group, () => this.#switch(group, generation, rows, snapshot));
      },
      abandon: async () => {
        if (!open) return;
        open = false;
        await this.#inTurn(group, () => this.#removeGeneration(group, generation));
      },
    };
  }

  async #switch(group: GroupId, generation: number, rows: RowSet, snapshot: SnapshotMeta): Promise<void> {
    const before = (await this.#known(group)).root?.generation;
    const root = { generation, ...rows.summary, snapshot };
    const puts = [rootRow(group, root)];
    if (before !== undefined) puts.push(intentRow(group, before));
    await this.#write(puts, [intentKey(group, generation)]);
    this.#groups.set(group, { root, rows });
    if (before !== undefined) await this.#removeGeneration(group, before);
  }

  async #known(group: GroupId): Promise<GroupCheckpoint> {
    return this.#groups.get(group) ?? (await this.#load(group));
  }

  /** Reads and verifies the whole checkpoint. */
  async #load(group: GroupId): Promise<GroupCheckpoint> {
    const stored = await this.#store.get(rootKey(group));
    const root = stored && this.#decodeRoot(group, stored);
    const rows = new RowSet();
    if (root === undefined) await this.#refuseOrphans(group);
    else await this.#verify(group, root, rows);
    const loaded = { root, rows };
    this.#groups.set(group, loaded);
    return loaded;
  }

  async #verify(group: GroupId, root: Root, rows: RowSet): Promise<void> {
    const scan = this.#scan(group, root.generation);
    try {
      for (let found = await scan.next(); found.length > 0; found = await scan.next()) {
        for (const stored of found) {
          const { row, sum } = this.#verified(group, stored);
          rows.put(row.key, sum);
        }
      }
    } finally {
      await scan.close();
    }
    const { low, high } = rows.hash;
    if (rows.count === root.rowCount && low === root.hash.low && high === root.hash.high) return;
    const counts = `${String(rows.count)} rows found, ${String(root.rowCount)} written`;
    throw this.#corrupt(group, `rows are missing or out of date (${counts})`);
  }

  /** Rows without a root and without an intent: the root was lost. Deleting them would hide that. */
  async #refuseOrphans(group: GroupId): Promise<void> {
    const found = await this.#store.keys(prefix(group, 1), prefix(group, GENERATION_MAX + 1), 1);
    const first = found[0];
    if (first === undefined) return;
    if ((await this.#store.get(intentKey(group, generationOf(first)))) !== undefined) return;
    throw this.#corrupt(group, "there are rows but no root");
  }

  #decodeRoot(group: GroupId, stored: Uint8Array): Root {
    if (verifiedSum(rootKey(group), stored) === undefined)
      throw this.#corrupt(group, "the root row does not match its sum");
    try {
      return decodeRoot(stored.subarray(SUM_BYTES));
    } catch (error) {
      if (error instanceof DecodeError) throw this.#corrupt(group, `the root row cannot be read (${error.message})`);
      throw error;
    }
  }

  #verified(group: GroupId, stored: Row): { readonly row: Row; readonly sum: number } {
    const key = stored.key.subarray(KEY_PREFIX_BYTES);
    const sum = verifiedSum(key, stored.value);
    if (sum === undefined) {
      throw this.#corrupt(group, `row ${Buffer.from(key).toString("hex")} does not match its sum`);
    }
    return { row: { key, value: stored.value.subarray(SUM_BYTES) }, sum };
  }

  #scan(group: GroupId, generation: number): RowScan {
    return this.#store.scan(prefix(group, generation), prefix(group, generation + 1));
  }

  #clearingsOf(group: GroupId): number {
    return this.#clearings.get(group) ?? 0;
  }

  #takeGeneration(group: GroupId, atLeastAfter: number): number {
    const generation = Math.max(this.#nextGeneration.get(group) ?? 1, atLeastAfter + 1);
    assert(generation <= GENERATION_MAX, "generations are used up");
    this.#nextGeneration.set(group, generation + 1);
    return generation;
  }

  async #removeLeftoversOf(group: GroupId): Promise<void> {
    const generations = await this.#intentsOf(group);
    if (generations.length === 0) return;
    const current = await this.#currentGeneration(group);
    if (current === undefined) return;
    for (const generation of generations) {
      assert(generation !== current, "an intent never names the current generation");
      this.#takeGeneration(group, generation);
      await this.#removeGeneration(group, generation);
    }
  }

  /** Generations that are to be removed. */
  async #intentsOf(group: GroupId): Promise<number[]> {
    const keys = await this.#store.keys(prefix(group, 0), prefix(group, 1), DELETE_COUNT_MAX);
    return keys.map(intentGeneration).filter((generation) => generation !== undefined);
  }

  /** 0 when there is no checkpoint; undefined when its root is damaged: then nothing is touched, and `open` reports it. */
  async #currentGeneration(group: GroupId): Promise<number | undefined> {
    try {
      const stored = await this.#store.get(rootKey(group));
      return stored === undefined ? 0 : this.#decodeRoot(group, stored).generation;
    } catch (error) {
      if (error instanceof CorruptionError) return undefined;
      throw error;
    }
  }

  /** All generations that have rows or an intent. Found by seeking: their rows are not read. */
  async #generationsOf(group: GroupId): Promise<Set<number>> {
    const generations = new Set(await this.#intentsOf(group));
    for (let from = 1; from <= GENERATION_MAX;) {
      const [key] = await this.#store.keys(prefix(group, from), prefix(group, GENERATION_MAX + 1), 1);
      if (key === undefined) break;
      const generation = generationOf(key);
      generations.add(generation);
      from = generation + 1;
    }
    return generations;
  }

  async #removeGeneration(group: GroupId, generation: number): Promise<void> {
    for (;;) {
      const keys = await this.#store.keys(prefix(group, generation), prefix(group, generation + 1), DELETE_COUNT_MAX);
      if (keys.length === 0) break;
      await this.#write([], keys);
    }
    await this.#write([], [intentKey(group, generation)]);
  }

  async #write(puts: Iterable<Row>, deletes: readonly Uint8Array[]): Promise<void> {
    this.#refuseAfterFailure();
    try {
      await this.#store.write(puts, deletes);
    } catch (error) {
      this.#failure = error as Error;
      throw error;
    }
  }

  #refuseAfterFailure(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Runs `work` when everything asked of the group before is finished. */
  #inTurn<T>(group: GroupId, work: () => Promise<T>): Promise<T> {
    this.#refuseAfterFailure();
    const turn = (this.#tails.get(group) ?? Promise.resolve()).then(work, work);
    this.#tails.set(group, turn);
    const forget = (): void => {
      if (this.#tails.get(group) === turn) this.#tails.delete(group);
    };
    turn.then(forget, forget);
    return turn;
  }

  #corrupt(group: GroupId, problem: string): CorruptionError {
    const what = `checkpoint of group ${String(group)}: ${problem}`;
    return new CorruptionError(this.#path, -1, what, REPLACE_NODE_ADVICE, group);
  }
}

/** The rows as they are stored, added to `rows` as they are taken. */
function* storedRows(group: GroupId, generation: number, puts: readonly Row[], rows: RowSet): Iterable<Row> {
  for (const { key, value } of puts) {
    const sum = rowSum(key, value, 0);
    rows.put(key, sum);
    yield { key: rowKey(group, generation, key), value: withSum(value, sum) };
  }
}

function publicRoot({ snapshot, rowCount, hash }: Root): CheckpointRoot {
  return { snapshot, rowCount, hash };
}

function rootRow(group: GroupId, root: Root): Row {
  const key = rootKey(group);
  const value = encodeRoot(root);
  return { key, value: withSum(value, rowSum(key, value, 0)) };
}

function intentRow(group: GroupId, generation: number): Row {
  return { key: intentKey(group, generation), value: EMPTY };
}
