import { assert } from "../base/index.js";
import { track, type Tracked } from "./tracking.js";
import type { CheckpointRow } from "./types.js";

/** Bytes that a store spends on a row beside its key and value, about. */
const ROW_OVERHEAD_BYTES = 32;

/** How items of one kind become rows. */
export interface RowCodec<Item> {
  /** Called between entries before an item is encoded: may rewrite it in memory, without a change of state. */
  prepare?(item: Item, bodies: boolean): void;
  /** Appends the item's rows. The row of bodies is wanted only with `bodies`. */
  encode(item: Item, bodies: boolean, rows: CheckpointRow[]): void;
  /** Appends the keys of all rows that the item may have. */
  keys(item: Item, keys: Uint8Array[]): void;
  /** Whether a key that was to be deleted belongs to an item again; undefined where ids never come back. */
  revived?(key: Uint8Array): boolean;
}

/**
 * Which items of one kind changed since the last checkpoint began, and the part of a running checkpoint that they form.
 * Every mutation is announced by `touch` before it happens: an item that a running checkpoint still has to write is then
 * written out as it was when the checkpoint began (copy on first write).
 */
export class ChangeSet<Item extends Tracked> {
  readonly #codec: RowCodec<Item>;
  #dirty: Item[] = [];
  /** Keys of rows that the store may hold and the state no longer has. */
  #deletes: Uint8Array[] = [];
  #running = false;
  /** Items of the running checkpoint; undefined where an item was dropped and is written. */
  #pending: (Item | undefined)[] = [];
  #pendingAt = 0;
  #pendingDeletes: Uint8Array[] = [];
  #pendingDeletesAt = 0;
  /** Rows that were written out early. */
  #early: CheckpointRow[] = [];
  #earlyAt = 0;

  constructor(codec: RowCodec<Item>) {
    this.#codec = codec;
  }

  get dirtyCount(): number {
    return this.#dirty.length;
  }

  /** To be called before `item` changes; with `track.dirtyBodies` as `extra` when its bodies change too. */
  touch(item: Item, extra = 0): void {
    const wanted = track.dirty | extra;
    if ((item.tracking & (track.pending | wanted)) !== wanted) this.#touch(item, wanted);
  }

  /** To be called when `item` leaves the state. It must not change any more: a running checkpoint may still have to write it. */
  drop(item: Item): void {
    if ((item.tracking & (track.stored | track.pending)) !== 0) this.#codec.keys(item, this.#deletes);
    if (item.changePosition >= 0) this.#forget(item);
    item.tracking |= track.dropped;
  }

  /** Announces an item that was just loaded from the store. */
  loaded(item: Item): void {
    item.tracking = track.stored;
  }

  /** All changed items now belong to a checkpoint. Linear in them, without writing any. */
  begin(): void {
    assert(!this.#running, "one checkpoint at a time");
    this.#running = true;
    this.#pending = this.#dirty;
    this.#pendingAt = 0;
    this.#dirty = [];
    for (const item of this.#pending as Item[]) {
      const bodies = (item.tracking & track.dirtyBodies) === 0 ? 0 : track.pendingBodies;
      item.tracking = (item.tracking & track.stored) | track.pending | bodies;
      item.changePosition = -1;
    }
    this.#pendingDeletes = this.#deletes.filter((key) => this.#codec.revived?.(key) !== true);
    this.#deletes = [];
  }

  /** Appends rows of the running checkpoint, about `bytesMax` bytes of them, and returns their bytes: fewer when all are out. */
  nextRows(bytesMax: number, rows: CheckpointRow[]): number {
    let bytes = 0;
    for (; bytes < bytesMax && this.#earlyAt < this.#early.length; this.#earlyAt++) {
      const row = this.#early[this.#earlyAt] as CheckpointRow;
      rows.push(row);
      bytes += rowBytes(row);
    }
    if (bytes >= bytesMax) return bytes;
    this.#early = [];
    this.#earlyAt = 0;
    while (bytes < bytesMax && this.#pendingAt < this.#pending.length) {
      const at = this.#pendingAt++;
      const item = this.#pending[at] as Item;
      if ((item.tracking & track.pending) !== 0) {
        this.#codec.prepare?.(item, (item.tracking & track.pendingBodies) !== 0);
        const before = rows.length;
        this.#encode(item, rows);
        for (let i = before; i < rows.length; i++) bytes += rowBytes(rows[i] as CheckpointRow);
      }
      if ((item.tracking & track.dropped) !== 0) this.#pending[at] = undefined;
    }
    return bytes;
  }

  /** Appends keys to delete, about `bytesMax` bytes of them, and returns their bytes: fewer when all are out. */
  nextDeletes(bytesMax: number, keys: Uint8Array[]): number {
    let bytes = 0;
    for (; bytes < bytesMax && this.#pendingDeletesAt < this.#pendingDeletes.length; this.#pendingDeletesAt++) {
      const key = this.#pendingDeletes[this.#pendingDeletesAt] as Uint8Array;
      keys.push(key);
      bytes += key.length + ROW_OVERHEAD_BYTES;
    }
    return bytes;
  }

  committed(): void {
    this.#end();
  }

  /** Everything of the running checkpoint is dirty again; its deletes too. */
  abandoned(): void {
    const items = this.#pending;
    this.#deletes = this.#deletes.concat(this.#pendingDeletes);
    this.#end();
    for (const item of items) {
      if (item === undefined || (item.tracking & track.dropped) !== 0) continue;
      item.tracking &= ~(track.pending | track.pendingBodies);
      this.touch(item, track.dirtyBodies);
    }
  }

  #end(): void {
    this.#running = false;
    this.#pending = [];
    this.#pendingDeletes = [];
    this.#pendingDeletesAt = 0;
    this.#early = [];
    this.#earlyAt = 0;
  }

  #touch(item: Item, wanted: number): void {
    if ((item.tracking & track.pending) !== 0) this.#encode(item, this.#early);
    if ((item.tracking & track.dirty) === 0) {
      item.changePosition = this.#dirty.length;
      this.#dirty.push(item);
    }
    item.tracking |= wanted;
  }

  #encode(item: Item, rows: CheckpointRow[]): void {
    const bodies = (item.tracking & track.pendingBodies) !== 0;
    item.tracking = (item.tracking & ~(track.pending | track.pendingBodies)) | track.stored;
    this.#codec.encode(item, bodies, rows);
  }

  #forget(item: Item): void {
    const last = this.#dirty.pop() as Item;
    if (last !== item) {
      this.#dirty[item.changePosition] = last;
      last.changePosition = item.changePosition;
    }
    item.changePosition = -1;
  }
}

function rowBytes(row: CheckpointRow): number {
  return row.key.length + row.value.length + ROW_OVERHEAD_BYTES;
}
