import type { FileHandle } from "../file-system.js";

/** One segment in use. `readers` keeps its file from being used again under a read. */
export interface Segment {
  readonly id: number;
  readonly path: string;
  readonly handle: FileHandle;
  readonly seed: number;
  /** Bytes that were allocated for it. A frame that does not fit goes to the next segment, or, too large for any, extends its file. */
  readonly capacity: number;
  /** End of its last frame. */
  end: number;
  readers: number;
  retired: boolean;
}

/** The segments of a log, oldest first, without holes. */
export class SegmentList {
  readonly #all: Segment[] = [];
  readonly #release: (segment: Segment) => void;

  /** `release` gets each retired segment once nobody reads from it any more. */
  constructor(release: (segment: Segment) => void) {
    this.#release = release;
  }

  get count(): number {
    return this.#all.length;
  }

  get oldest(): Segment | undefined {
    return this.#all[0];
  }

  get newest(): Segment | undefined {
    return this.#all.at(-1);
  }

  add(segment: Segment): void {
    this.#all.push(segment);
  }

  /** `id` modulo 2^32, as tables keep it. */
  find(id: number): Segment | undefined {
    const oldest = this.#all[0];
    if (oldest === undefined) return undefined;
    return this.#all[(id - oldest.id) >>> 0];
  }

  /** Retires all segments before `id`. */
  retireBefore(id: number): void {
    while (this.#all.length > 1 && (this.#all[0] as Segment).id < id) {
      const segment = this.#all.shift() as Segment;
      segment.retired = true;
      if (segment.readers === 0) this.#release(segment);
    }
  }

  beginRead(segment: Segment): void {
    segment.readers++;
  }

  endRead(segment: Segment): void {
    segment.readers--;
    if (segment.retired && segment.readers === 0) this.#release(segment);
  }

  all(): readonly Segment[] {
    return this.#all;
  }
}
