import { assert } from "../../base/index.js";
import type { HardState, Index, SnapshotMeta } from "../../raft/index.js";
import type { GroupId } from "../shard-log.js";
import { EntryTable } from "./entry-table.js";
import type { GroupState } from "./group-record.js";

const INCARNATION = /^[0-9a-f]{16}$/;

/** One group in the log: its state as of the last frame built, and where its entries lie. */
export class GroupLog {
  readonly group: GroupId;
  readonly incarnation: string;
  /** The incarnation's first and last four bytes, as they stand in records. */
  readonly incarnationHigh: number;
  readonly incarnationLow: number;
  readonly table: EntryTable;
  hard: HardState;
  snapshot: SnapshotMeta;
  keepFrom: Index;
  /** Last index that is on disk; entries beyond it in the table are in the flush in flight. */
  durableLast: Index;
  /** Last index ever submitted: the next entry must follow it (a gap would be accepted silently after a restart). */
  submittedLast: Index;
  /** Index of the newest snapshot submitted; what is older is out of date. */
  submittedSnapshot: Index;
  /** Kept by FrameShares. */
  entriesInFrame = 0;
  /** Truncations (and installs, from 0) that are queued, and the lowest index they drop: nothing from there on may be read. */
  #cuts = 0;
  #cutFrom: Index = Number.MAX_SAFE_INTEGER;

  constructor(group: GroupId, incarnation: string, state: GroupState) {
    assert(INCARNATION.test(incarnation), "an incarnation is 16 lower-case hex digits");
    this.group = group;
    this.incarnation = incarnation;
    const bytes = Buffer.from(incarnation, "hex");
    this.incarnationHigh = bytes.readUInt32LE(0);
    this.incarnationLow = bytes.readUInt32LE(4);
    this.hard = state.hard;
    this.snapshot = state.snapshot;
    this.keepFrom = state.keepFrom;
    this.table = new EntryTable(state.lastIndex);
    this.durableLast = state.lastIndex;
    this.submittedLast = state.lastIndex;
    this.submittedSnapshot = state.snapshot.index;
  }

  /** Last index that `read` may return. */
  get readableLast(): Index {
    return Math.min(this.durableLast, this.#cutFrom - 1);
  }

  /** A submitted operation will drop everything from `from` on. */
  cutSubmitted(from: Index): void {
    this.#cuts++;
    this.#cutFrom = Math.min(this.#cutFrom, from);
  }

  /** One that was submitted is in the table now. */
  cutDone(): void {
    this.#cuts--;
    if (this.#cuts === 0) this.#cutFrom = Number.MAX_SAFE_INTEGER;
  }

  state(): GroupState {
    return { hard: this.hard, snapshot: this.snapshot, keepFrom: this.keepFrom, lastIndex: this.table.last };
  }
}

/** What a group that begins at `start` has on disk. */
export function initialState(start: SnapshotMeta): GroupState {
  return {
    hard: { term: start.term, vote: 0, commit: start.index },
    snapshot: start,
    keepFrom: start.index + 1,
    lastIndex: start.index,
  };
}
