import type { GroupLog } from "./group-log.js";
import { recordBytes } from "./layout.js";

/**
 * Who pays for a frame. Each entry pays for its own record; the rest (header, votes, marks, the padding to whole pages) is
 * shared by all entries of the frame alike. With single small messages that rest is most of the log, and a restart reads it
 * all: a group's part of it counts when the group's next checkpoint is due.
 */
export class FrameShares {
  readonly #logs: GroupLog[] = [];
  #entries = 0;
  #entryBytes = 0;

  /** An entry with `payloadBytes` was appended to the group's table. */
  add(log: GroupLog, payloadBytes: number): void {
    if (log.entriesInFrame === 0) this.#logs.push(log);
    log.entriesInFrame++;
    this.#entries++;
    this.#entryBytes += recordBytes(payloadBytes);
  }

  /** The frame takes up `frameBytes` on disk: charges the rest, a group's part to its last entry. Begins the next frame. */
  settle(frameBytes: number): void {
    const share = (frameBytes - this.#entryBytes) / this.#entries;
    for (const log of this.#logs) {
      log.table.charge(Math.round(share * log.entriesInFrame));
      log.entriesInFrame = 0;
    }
    this.#logs.length = 0;
    this.#entries = 0;
    this.#entryBytes = 0;
  }
}
