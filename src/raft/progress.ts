import { assert } from "../base/index.js";
import type { Inflights } from "./inflights.js";
import { raftLimits } from "./limits.js";
import type { FetchOrder } from "./ready.js";
import type { Index, ReplicaId } from "./types.js";

/**
 * `probe`: where the logs agree is not known, one append at a time. `replicate`: known; appends are sent ahead of their
 * acknowledgements. `snapshot`: the follower needs what the log no longer has; nothing is sent until the snapshot is.
 */
export type ProgressState = "probe" | "replicate" | "snapshot";

/** What a leader knows of one other replica. Invariant: match < next. */
export class Progress {
  readonly id: ReplicaId;
  readonly inflights: Inflights;
  #match: Index = 0;
  #next: Index;
  #state: ProgressState = "probe";
  #snapshotMinimum: Index = 0;
  /** Heartbeat intervals on end in which it answered and lacked little. */
  #closeIntervals = 0;
  /** The largest commit index in a message on its way since the last probe; `append` messages carry it. */
  sentCommit: Index = 0;
  /** In `probe`: an append is unanswered; the next heartbeat reply allows another. */
  paused = false;
  /** A heartbeat reply came while entries are unacknowledged: one append, empty if need be, finds out whether they were lost. */
  verifyDue = false;
  /** Entries being read from disk; nothing is sent meanwhile. */
  fetch: FetchOrder | undefined;
  /** Something of this term was heard since the last check of the quorum. */
  recentlyActive: boolean;
  /** The same, of the window before that check: what was only just checked is not silent yet. */
  #activeBefore = false;
  /** Something was sent in this heartbeat interval that will be answered. */
  spokenTo = false;
  /** Something of this term was heard in this heartbeat interval. */
  heard = false;
  /** The largest ReadIndex round that this replica confirmed. */
  readRound = 0;

  constructor(id: ReplicaId, next: Index, recentlyActive: boolean, inflights: Inflights) {
    this.id = id;
    this.#next = next;
    this.recentlyActive = recentlyActive;
    this.inflights = inflights;
  }

  /** Something was heard within one to two election timeouts. */
  get alive(): boolean {
    return this.recentlyActive || this.#activeBefore;
  }

  /** The quorum was checked: a new window begins. */
  checked(): void {
    this.#activeBefore = this.recentlyActive;
    this.recentlyActive = false;
  }

  get match(): Index {
    return this.#match;
  }

  get next(): Index {
    return this.#next;
  }

  get state(): ProgressState {
    return this.#state;
  }

  /** See PeerStatus. */
  get caughtUp(): boolean {
    return this.#state === "replicate" && this.#closeIntervals >= raftLimits.caughtUpIntervals;
  }

  /** A heartbeat interval ends; `close` when little is missing there. True when words went both ways, so that no heartbeat is due. */
  endInterval(close: boolean): boolean {
    const talked = this.spokenTo && this.heard;
    this.#closeIntervals = close && this.heard ? this.#closeIntervals + 1 : 0;
    this.spokenTo = false;
    this.heard = false;
    return talked;
  }

  /** True when its acknowledgements so far do not forbid another append with entries. */
  get sendable(): boolean {
    if (this.fetch !== undefined) return false;
    if (this.#state === "probe") return !this.paused;
    return this.#state === "replicate" && !this.inflights.full;
  }

  /** An append up to `lastIndex` was sent. */
  sent(lastIndex: Index, bytes: number): void {
    if (this.#state === "probe") {
      this.paused = true;
      return;
    }
    assert(this.#state === "replicate" && lastIndex >= this.#next, "entries are sent in order");
    this.inflights.add(lastIndex, bytes);
    this.#next = lastIndex + 1;
  }

  /** The follower has everything up to `index`; true when that is news. Acknowledgements may come late and out of order. */
  acknowledge(index: Index): boolean {
    const moved = index > this.#match;
    if (moved) this.#match = index;
    if (index >= this.#next) this.#next = index + 1;
    if (this.#state === "replicate") this.inflights.freeTo(index);
    return moved;
  }

  /**
   * The follower refused an append after `refusedIndex`; `agreeing` is the largest index at which the logs may agree. False
   * for a refusal that later messages have overtaken.
   */
  refuse(refusedIndex: Index, agreeing: Index): boolean {
    if (this.#state === "replicate") {
      if (refusedIndex <= this.#match) return false;
      this.probe(this.#match + 1);
      return true;
    }
    if (this.#state !== "probe" || refusedIndex !== this.#next - 1) return false;
    this.#next = Math.max(Math.min(refusedIndex, agreeing + 1), this.#match + 1);
    this.sentCommit = Math.min(this.sentCommit, this.#next - 1);
    this.paused = false;
    return true;
  }

  /** Starts over at `next`, one append at a time. */
  probe(next: Index): void {
    this.#enter("probe");
    this.#next = Math.max(next, this.#match + 1);
    this.sentCommit = Math.min(this.sentCommit, this.#next - 1);
  }

  /** The logs agree up to `match`: send ahead from there. */
  replicate(): void {
    this.#enter("replicate");
    this.#next = this.#match + 1;
  }

  /** Only a snapshot at or after `minimumIndex` helps. */
  awaitSnapshot(minimumIndex: Index): void {
    this.#enter("snapshot");
    this.#snapshotMinimum = minimumIndex;
  }

  /** True when its log goes on from the leader's, which starts at `firstIndex`, so that replication can. */
  reconnects(firstIndex: Index): boolean {
    return this.#match + 1 >= firstIndex && (this.#state !== "snapshot" || this.#match >= this.#snapshotMinimum);
  }

  #enter(state: ProgressState): void {
    this.#state = state;
    this.paused = false;
    this.verifyDue = false;
    this.fetch = undefined;
    this.#closeIntervals = 0;
    this.inflights.clear();
  }
}
