import { setImmediate } from "node:timers/promises";
import { Level } from "level";
import { CheckpointEngine, type ViewableCheckpointStore } from "./checkpoint-engine.js";
import type { Row } from "./checkpoint-store.js";
import { CorruptionError, REPLACE_NODE_ADVICE, systemErrorCode } from "./errors.js";
import type { OrderedRows, RowScan } from "./ordered-rows.js";
import { writeRowFile } from "./row-file.js";
import type { GroupId } from "./shard-log.js";

export interface CheckpointStoreOptions {
  /** The folder of this database alone; made when missing. */
  readonly directory: string;
}

/** Rows are about 100 KiB: LevelDB's defaults (4 MiB log, 2 MiB tables) would make a table of every few rows. */
const WRITE_BUFFER_BYTES = 16 * 1024 * 1024;
const TABLE_BYTES = 16 * 1024 * 1024;
/** Checkpoints are read once, at start; a cache would only push out the page cache. */
const CACHE_BYTES = 4 * 1024 * 1024;
/** Rows that are summed and copied into a batch in one event-loop turn: about a millisecond. */
const SLICE_BYTES = 512 * 1024;
const SCAN_BYTES = 1024 * 1024;
const SCAN_COUNT_MAX = 1000;
const VIEWS = { keyEncoding: "view", valueEncoding: "view" } as const;

type Database = Level<Uint8Array, Uint8Array>;

/**
 * Opens the checkpoints of a shard in one `level` database, and removes what crashed installs left. Throws CorruptionError
 * when the database itself is damaged. Its repair is never used: it drops what it cannot read.
 */
export async function openCheckpointStore(options: CheckpointStoreOptions): Promise<ViewableCheckpointStore> {
  const database: Database = new Level(options.directory, {
    ...VIEWS,
    writeBufferSize: WRITE_BUFFER_BYTES,
    maxFileSize: TABLE_BYTES,
    cacheSize: CACHE_BYTES,
    // Most rows are deleted soon: compressing them costs more than the disk that it saves.
    compression: false,
  });
  try {
    await database.open();
  } catch (error) {
    throw translate(error, options.directory);
  }
  const engine = new CheckpointEngine(new LevelRows(database, options.directory), options.directory);
  await engine.removeLeftovers();
  return engine;
}

class LevelRows implements OrderedRows {
  readonly #database: Database;
  readonly #path: string;

  constructor(database: Database, path: string) {
    this.#database = database;
    this.#path = path;
  }

  get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#guarded(this.#database.get(key));
  }

  // Always synced: LevelDB closes a full log file without syncing it, so an unsynced batch may be lost under a later synced one.
  write(puts: Iterable<Row>, deletes: readonly Uint8Array[]): Promise<void> {
    return this.#guarded(this.#writeSliced(puts, deletes));
  }

  /** A checkpoint may be tens of megabytes, and the batch copies each row: it is filled over several event-loop turns. */
  async #writeSliced(puts: Iterable<Row>, deletes: readonly Uint8Array[]): Promise<void> {
    const batch = this.#database.batch();
    try {
      for (const key of deletes) batch.del(key, VIEWS);
      let sliceBytes = 0;
      for (const { key, value } of puts) {
        batch.put(key, value, VIEWS);
        sliceBytes += value.length;
        if (sliceBytes < SLICE_BYTES) continue;
        sliceBytes = 0;
        await setImmediate();
      }
    } catch (error) {
      await batch.close();
      throw error;
    }
    await batch.write({ sync: true });
  }

  scan(from: Uint8Array, to: Uint8Array): RowScan {
    const iterator = this.#database.iterator({
      gte: from,
      lt: to,
      highWaterMarkBytes: SCAN_BYTES,
      fillCache: false,
      ...VIEWS,
    });
    return {
      next: async () => {
        const entries = await this.#guarded(iterator.nextv(SCAN_COUNT_MAX));
        return entries.map(([key, value]) => ({ key, value }));
      },
      close: () => iterator.close(),
    };
  }

  async setAside(group: GroupId, from: Uint8Array, to: Uint8Array): Promise<string> {
    const scan = this.scan(from, to);
    try {
      return await writeRowFile(`${this.#path}.quarantine`, group, scan);
    } finally {
      await scan.close();
    }
  }

  async keys(from: Uint8Array, to: Uint8Array, countMax: number): Promise<Uint8Array[]> {
    return this.#guarded(this.#database.keys({ gte: from, lt: to, limit: countMax, fillCache: false, ...VIEWS }).all());
  }

  close(): Promise<void> {
    return this.#database.close();
  }

  async #guarded<T>(result: Promise<T>): Promise<T> {
    try {
      return await result;
    } catch (error) {
      throw translate(error, this.#path);
    }
  }
}

/** `level` wraps the cause of a failed open. */
function translate(error: unknown, path: string): unknown {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  if (systemErrorCode(cause) !== "LEVEL_CORRUPTION") return error;
  return new CorruptionError(path, -1, `the checkpoint database is damaged (${String(cause)})`, REPLACE_NODE_ADVICE);
}
