import type { World } from "./world.js";

/** One line of a run's story. */
export interface TimelineEntry {
  readonly atMs: number;
  /** The partition that it is about; undefined for all. */
  readonly group: number | undefined;
  readonly what: string;
}

const KEPT_MAX = 20_000;

/** The story of a run, kept only when it is repeated for a reader. */
export class Timeline {
  readonly kept: boolean;
  readonly #world: World;
  readonly #entries: TimelineEntry[] = [];

  constructor(world: World, kept: boolean) {
    this.#world = world;
    this.kept = kept;
  }

  /** Callers on hot paths ask for `kept` before they build a text. */
  note(group: number | undefined, what: string): void {
    if (!this.kept) return;
    if (this.#entries.length >= 2 * KEPT_MAX) this.#entries.splice(0, KEPT_MAX);
    this.#entries.push({ atMs: this.#world.nowMs, group, what });
  }

  /** The last entries of one partition and those that concern all. */
  last(group: number | undefined, countMax: number): readonly TimelineEntry[] {
    const all = this.#entries.filter(
      (entry) => group === undefined || entry.group === undefined || entry.group === group,
    );
    return all.slice(-countMax);
  }
}

export function formatEntry({ atMs, group, what }: TimelineEntry): string {
  const place = group === undefined ? "   " : `p${String(group)}`.padEnd(3);
  return `${(atMs / 1_000).toFixed(4).padStart(9)}s ${place} ${what}`;
}
