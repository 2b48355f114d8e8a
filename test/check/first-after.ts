/** Answers, for any moment, what the least value is among the points at or after it. */
export class FirstAfter {
  readonly #at: readonly number[];
  readonly #least: readonly number[];

  constructor(points: readonly { readonly at: number; readonly value: number }[]) {
    const sorted = [...points].sort((a, b) => a.at - b.at);
    const least = sorted.map((point) => point.value);
    for (let i = least.length - 2; i >= 0; i--) least[i] = Math.min(least[i] as number, least[i + 1] as number);
    this.#at = sorted.map((point) => point.at);
    this.#least = least;
  }

  /** Infinity when there is none. */
  leastFrom(at: number): number {
    let low = 0;
    let high = this.#at.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#at[middle] as number) < at) low = middle + 1;
      else high = middle;
    }
    return this.#least[low] ?? Infinity;
  }
}
