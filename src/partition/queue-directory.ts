import { assert } from "../base/index.js";
import { projectOfAddress } from "../command/index.js";
import { NameList } from "./name-list.js";
import type { QueueState } from "./queue-state.js";

/** The queues of the partition, by address and, per project, by name. */
export class QueueDirectory {
  readonly #byAddress = new Map<string, QueueState>();
  readonly #byProject = new Map<string, NameList>();

  get size(): number {
    return this.#byAddress.size;
  }

  get(address: string): QueueState | undefined {
    return this.#byAddress.get(address);
  }

  add(queue: QueueState): void {
    assert(!this.#byAddress.has(queue.address), "a queue exists once");
    this.#byAddress.set(queue.address, queue);
    const project = projectOfAddress(queue.address);
    let names = this.#byProject.get(project);
    if (names === undefined) {
      // Two bytes of length stand before the project and two before the name.
      names = new NameList(project.length + 4);
      this.#byProject.set(project, names);
    }
    names.add(queue);
  }

  remove(queue: QueueState): void {
    assert(this.#byAddress.delete(queue.address), "a queue is removed once");
    const project = projectOfAddress(queue.address);
    const names = this.#byProject.get(project);
    assert(names !== undefined, "a queue's project is listed");
    names.remove(queue);
    if (names.size === 0) this.#byProject.delete(project);
  }

  /** Up to `limit` queues of a project with names greater than `marker`, both as UTF-8 bytes in characters. */
  list(project: string, marker: string, limit: number): QueueState[] {
    return this.#byProject.get(project)?.after(marker, limit) ?? [];
  }

  /** In no order that a result may depend on. */
  all(): IterableIterator<QueueState> {
    return this.#byAddress.values();
  }
}
