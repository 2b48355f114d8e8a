import type { SimProcess } from "./sim-process.js";

/** Something that will happen at a moment of virtual time, inside a process or outside of all. */
export interface SimEvent {
  atMs: number;
  /** Breaks ties: events of one moment happen in the order in which they were scheduled. */
  order: number;
  readonly owner: SimProcess | undefined;
  /** Undefined once cancelled. */
  run: (() => void) | undefined;
}

function before(a: SimEvent, b: SimEvent): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

/** A binary heap of events: the earliest first. */
export class EventHeap {
  readonly #events: SimEvent[] = [];

  get size(): number {
    return this.#events.length;
  }

  get first(): SimEvent | undefined {
    return this.#events[0];
  }

  push(event: SimEvent): void {
    const events = this.#events;
    let at = events.length;
    events.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = events[parent] as SimEvent;
      if (before(above, event)) break;
      events[at] = above;
      at = parent;
    }
    events[at] = event;
  }

  pop(): SimEvent | undefined {
    const events = this.#events;
    const top = events[0];
    const last = events.pop();
    if (top === undefined || last === undefined || events.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= events.length) break;
      const right = child + 1;
      if (right < events.length && before(events[right] as SimEvent, events[child] as SimEvent)) child = right;
      const below = events[child] as SimEvent;
      if (before(last, below)) break;
      events[at] = below;
      at = child;
    }
    events[at] = last;
    return top;
  }
}
