import { assert } from "../base/index.js";

/** Something that falls due, kept in one DeadlineHeap at most. */
export interface Timed {
  /** Log time, milliseconds since 1970; Infinity: never. */
  deadlineMs: number;
  /** Owned by the heap; -1 outside. */
  heapPosition: number;
}

/**
 * A binary heap by deadline, with positions inside the items so that any of them can move or leave in O(log n). Ties are
 * broken by `tieBefore`, a total order: what falls due first must be the same on every replica, whatever the order of
 * insertion.
 */
export class DeadlineHeap<Item extends Timed> {
  readonly #items: Item[] = [];
  readonly #tieBefore: (a: Item, b: Item) => boolean;

  constructor(tieBefore: (a: Item, b: Item) => boolean) {
    this.#tieBefore = tieBefore;
  }

  get size(): number {
    return this.#items.length;
  }

  get first(): Item | undefined {
    return this.#items[0];
  }

  /** Infinity when nothing waits. */
  get nextDeadlineMs(): number {
    return this.#items[0]?.deadlineMs ?? Infinity;
  }

  add(item: Item): void {
    assert(item.heapPosition === -1, "already in a heap");
    item.heapPosition = this.#items.length;
    this.#items.push(item);
    this.#up(item);
  }

  /** To be called after an item's deadline changed. */
  moved(item: Item): void {
    assert(this.#items[item.heapPosition] === item, "not in this heap");
    this.#up(item);
    this.#down(item);
  }

  remove(item: Item): void {
    const position = item.heapPosition;
    assert(this.#items[position] === item, "not in this heap");
    const last = this.#items.pop() as Item;
    item.heapPosition = -1;
    if (last === item) return;
    this.#place(last, position);
    this.#up(last);
    this.#down(last);
  }

  has(item: Item): boolean {
    return this.#items[item.heapPosition] === item;
  }

  #before(a: Item, b: Item): boolean {
    return a.deadlineMs < b.deadlineMs || (a.deadlineMs === b.deadlineMs && this.#tieBefore(a, b));
  }

  #place(item: Item, position: number): void {
    this.#items[position] = item;
    item.heapPosition = position;
  }

  #up(item: Item): void {
    let position = item.heapPosition;
    while (position > 0) {
      const parentPosition = (position - 1) >>> 1;
      const parent = this.#items[parentPosition] as Item;
      if (!this.#before(item, parent)) break;
      this.#place(parent, position);
      position = parentPosition;
    }
    this.#place(item, position);
  }

  #down(item: Item): void {
    let position = item.heapPosition;
    for (;;) {
      let childPosition = 2 * position + 1;
      let child = this.#items[childPosition];
      if (child === undefined) break;
      const right = this.#items[childPosition + 1];
      if (right !== undefined && this.#before(right, child)) {
        child = right;
        childPosition++;
      }
      if (!this.#before(child, item)) break;
      this.#place(child, position);
      position = childPosition;
    }
    this.#place(item, position);
  }
}
