import type { TurnBudget } from "./turn-budget.js";

/** Those who have something to do, each once. First come, first served, and whoever is not done queues again behind the others. */
export class WorkQueue<T> {
  readonly #budget: TurnBudget;
  readonly #waiting = new Set<T>();

  constructor(budget: TurnBudget) {
    this.#budget = budget;
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  add(one: T): void {
    this.#waiting.add(one);
  }

  /** Serves those who wait now until the budget of the turn is spent, but the first one always: nobody waits for ever. */
  serve(serveOne: (one: T) => void): void {
    let left = this.#waiting.size;
    for (const one of this.#waiting) {
      if (left-- === 0) return;
      this.#waiting.delete(one);
      serveOne(one);
      if (this.#budget.isSpent) return;
    }
  }
}
