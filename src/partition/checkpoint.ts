import { assert, ByteReader, ByteWriter, DecodeError } from "../base/index.js";
import type { ChangeSet } from "./change-set.js";
import type { PartitionState } from "./partition-state.js";
import { rootKey } from "./row-keys.js";
import type { Tracked } from "./tracking.js";
import type { CheckpointCursor, CheckpointRow, CheckpointSlice } from "./types.js";
import { machineVersion } from "./versions.js";

/** One incremental checkpoint: the changes since the last one began, as of the moment it was made. */
export class PartitionCheckpoint implements CheckpointCursor {
  readonly index: number;
  readonly #sets: readonly ChangeSet<Tracked>[];
  /** Written with the first slice. */
  #root: CheckpointRow | undefined;
  #setAt = 0;
  #running = true;

  constructor(state: PartitionState) {
    this.index = state.appliedIndex;
    this.#root = { key: rootKey(), value: encodeRoot(state) };
    this.#sets = [
      state.queueChanges,
      state.chunkChanges,
      state.claimChanges,
      state.sessionChanges,
    ] as ChangeSet<Tracked>[];
    for (const set of this.#sets) set.begin();
  }

  get running(): boolean {
    return this.#running;
  }

  next(bytesMax: number): CheckpointSlice | undefined {
    assert(this.#running && bytesMax > 0, "a checkpoint is over once it is committed or abandoned");
    const puts: CheckpointRow[] = [];
    const deletes: Uint8Array[] = [];
    let bytes = 0;
    if (this.#root !== undefined) {
      puts.push(this.#root);
      this.#root = undefined;
    }
    while (bytes < bytesMax && this.#setAt < this.#sets.length) {
      const set = this.#sets[this.#setAt] as ChangeSet<Tracked>;
      bytes += set.nextRows(bytesMax - bytes, puts);
      bytes += set.nextDeletes(bytesMax - bytes, deletes);
      if (bytes < bytesMax) this.#setAt++;
    }
    return puts.length === 0 && deletes.length === 0 ? undefined : { puts, deletes };
  }

  committed(): void {
    assert(this.#setAt === this.#sets.length, "a checkpoint is committed when all its rows are out");
    this.#end();
    for (const set of this.#sets) set.committed();
  }

  abandoned(): void {
    this.#end();
    for (const set of this.#sets) set.abandoned();
  }

  #end(): void {
    assert(this.#running, "a checkpoint ends once");
    this.#running = false;
  }
}

/** What belongs to no queue, claim or session. */
interface Root {
  readonly timeMs: number;
  readonly incarnations: number;
}

/** `version u16 | timeMs u64 | incarnations u64`. */
function encodeRoot(state: PartitionState): Uint8Array {
  const out = new ByteWriter(32);
  out.u16(machineVersion);
  out.u64(state.timeMs);
  out.u64(state.incarnations);
  return out.take();
}

/** Throws DecodeError for rows of a newer version. */
export function decodeRoot(value: Uint8Array): Root {
  const reader = new ByteReader(value);
  const version = reader.u16();
  if (version > machineVersion) {
    throw new DecodeError(`rows of version ${String(version)}, known is ${String(machineVersion)}`);
  }
  const root = { timeMs: reader.u64(), incarnations: reader.u64() };
  reader.finish();
  return root;
}
