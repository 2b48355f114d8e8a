/** What was opened so far, to be closed in the opposite order: when a start fails half way, and when a node stops. */
export class Cleanup {
  readonly #steps: (() => Promise<void> | void)[] = [];

  /** `step` undoes what was just done. */
  add(step: () => Promise<void> | void): void {
    this.#steps.push(step);
  }

  /** Runs every step, the last one first, each once. A step that fails does not keep the others; the first error is thrown at the end. */
  async run(): Promise<void> {
    const failures: unknown[] = [];
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
