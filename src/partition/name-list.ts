import { assert } from "../base/index.js";
import { nameBlockMax } from "./limits.js";
import type { QueueState } from "./queue-state.js";

/**
 * The queues of one project by name in byte order: sorted blocks of bounded size, so that the hundred-thousandth queue is
 * added and found as fast as the tenth. Addresses of one project share their first `prefix` characters, and what follows
 * is the name.
 */
export class NameList {
  readonly #prefix: number;
  readonly #blocks: QueueState[][] = [];
  #size = 0;

  /** `prefix`: where the name begins in the addresses. */
  constructor(prefix: number) {
    this.#prefix = prefix;
  }

  get size(): number {
    return this.#size;
  }

  add(queue: QueueState): void {
    this.#size++;
    if (this.#blocks.length === 0) {
      this.#blocks.push([queue]);
      return;
    }
    const name = queue.address.slice(this.#prefix);
    const blockAt = Math.max(0, this.#blockBefore(name));
    const block = this.#blocks[blockAt] as QueueState[];
    block.splice(this.#firstAfter(block, name), 0, queue);
    if (block.length > nameBlockMax) this.#blocks.splice(blockAt + 1, 0, block.splice(nameBlockMax >>> 1));
  }

  remove(queue: QueueState): void {
    const name = queue.address.slice(this.#prefix);
    const blockAt = this.#blockBefore(name);
    const block = this.#blocks[blockAt];
    assert(block !== undefined, "a listed queue has a block");
    const at = this.#firstAfter(block, name) - 1;
    assert(block[at] === queue, "a queue is removed once");
    block.splice(at, 1);
    if (block.length === 0) this.#blocks.splice(blockAt, 1);
    this.#size--;
  }

  /** Up to `limit` queues with names greater than `marker` (UTF-8 bytes as characters), ascending. */
  after(marker: string, limit: number): QueueState[] {
    const page: QueueState[] = [];
    let blockAt = Math.max(0, this.#blockBefore(marker));
    let block = this.#blocks[blockAt];
    let at = block === undefined ? 0 : this.#firstAfter(block, marker);
    while (block !== undefined && page.length < limit) {
      const queue = block[at++];
      if (queue !== undefined) {
        page.push(queue);
        continue;
      }
      block = this.#blocks[++blockAt];
      at = 0;
    }
    return page;
  }

  /** The last block that begins at or before `name`; -1 when all begin after it. */
  #blockBefore(name: string): number {
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#isAfter(this.#blocks[middle]?.[0] as QueueState, name)) high = middle;
      else low = middle + 1;
    }
    return low - 1;
  }

  #firstAfter(block: readonly QueueState[], name: string): number {
    let low = 0;
    let high = block.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#isAfter(block[middle] as QueueState, name)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #isAfter(queue: QueueState, name: string): boolean {
    return queue.address.slice(this.#prefix) > name;
  }
}
