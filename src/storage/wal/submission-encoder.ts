import { assert } from "../../base/index.js";
import type { GroupId } from "../shard-log.js";
import type { FrameBuilder } from "./frame-builder.js";
import type { FrameShares } from "./frame-shares.js";
import type { GroupLog } from "./group-log.js";
import { encodeCheckpoint, encodeGroupState, encodeInstalled } from "./group-record.js";
import { GroupRecordKind, recordBytes, RecordType } from "./layout.js";
import { type ControlSubmission, ORDER_HEAD_BYTES, type OrderSubmission, type Submission } from "./submission.js";

const NO_BODY = new Uint8Array(0);

/** The frame under construction and the state that it changes. */
export interface FrameTarget {
  readonly builder: FrameBuilder;
  readonly groups: Map<GroupId, GroupLog>;
  readonly shares: FrameShares;
  readonly segmentId: number;
  /** Offset of the frame in its segment. */
  readonly offset: number;
}

/** Writes the whole state of every group, at the head of a segment. */
export function encodeIndex(builder: FrameBuilder, groups: ReadonlyMap<GroupId, GroupLog>): void {
  for (const log of groups.values()) {
    builder.addRecord(RecordType.group, GroupRecordKind.carriedOver, log, 0, 0, encodeGroupState(log.state()));
  }
}

/**
 * Writes a submission, an order as far as `budget` bytes reach, and brings the group's state to what the frame says. Returns
 * whether it is whole.
 */
export function encodeSubmission(target: FrameTarget, submission: Submission, budget: number): boolean {
  if (submission.type === "order") return encodeOrder(target, submission, budget);
  encodeControl(target, submission);
  return true;
}

function encodeOrder(target: FrameTarget, submission: OrderSubmission, budget: number): boolean {
  const { log, order } = submission;
  const first = submission.nextEntry;
  const end = entriesWithin(submission, budget);
  const isStart = first === 0;
  if (isStart && order.truncateFrom !== undefined) encodeTruncate(target, log, order.truncateFrom);
  if (isStart && order.hard !== undefined) encodeHard(target, submission, end);
  for (let i = first; i < end; i++) {
    const entry = order.entries[i];
    assert(entry !== undefined, "entry within the order");
    const offset = target.builder.addEntry(log, entry);
    log.table.append(entry.term, target.segmentId, target.offset + offset, entry.data.length);
    target.shares.add(log, entry.data.length);
    submission.bytes -= recordBytes(entry.data.length);
  }
  submission.nextEntry = end;
  return end === order.entries.length;
}

/** The entries [nextEntry, result) fit into `budget`; at least one, so that every flush makes progress. */
function entriesWithin(submission: OrderSubmission, budget: number): number {
  const { entries } = submission.order;
  if (submission.bytes <= budget) return entries.length;
  let left = budget - ORDER_HEAD_BYTES;
  let end = submission.nextEntry;
  for (; end < entries.length; end++) {
    left -= recordBytes(entries[end]?.data.length ?? 0);
    if (left < 0 && end > submission.nextEntry) break;
  }
  return end;
}

function encodeTruncate(target: FrameTarget, log: GroupLog, from: number): void {
  log.cutDone();
  if (from > log.table.last) return;
  target.builder.addRecord(RecordType.truncate, 0, log, from, 0, NO_BODY);
  log.table.truncate(from);
  log.durableLast = Math.min(log.durableLast, from - 1);
}

/**
 * Term and vote come before the entries of that term. `commit` is capped at what this frame reaches: when an order is spread
 * over frames and only the first survives, the log must not claim a commit beyond its end. Lowering it is always safe.
 */
function encodeHard(target: FrameTarget, submission: OrderSubmission, end: number): void {
  const { log, order } = submission;
  const wanted = order.hard;
  if (wanted === undefined) return;
  const last = end === 0 ? log.table.last : (order.entries[end - 1]?.index ?? log.table.last);
  const commit = Math.min(wanted.commit, last);
  const body = new Uint8Array(8);
  const view = new DataView(body.buffer);
  view.setUint32(0, wanted.vote >>> 0, true);
  view.setUint32(4, Math.floor(wanted.vote / 0x1_0000_0000), true);
  target.builder.addRecord(RecordType.hard, 0, log, commit, wanted.term, body);
  log.hard = { term: wanted.term, vote: wanted.vote, commit };
}

function encodeControl(target: FrameTarget, submission: ControlSubmission): void {
  const { builder, groups } = target;
  const { log } = submission;
  switch (submission.type) {
    case "create":
      builder.addRecord(RecordType.group, GroupRecordKind.created, log, 0, 0, encodeGroupState(log.state()));
      groups.set(log.group, log);
      return;
    case "remove":
      builder.addRecord(RecordType.remove, 0, log, 0, 0, NO_BODY);
      groups.delete(log.group);
      return;
    case "install": {
      const { snapshot, hard } = submission;
      const capped = { ...hard, commit: Math.min(hard.commit, snapshot.index) };
      builder.addRecord(RecordType.snapshot, 0, log, 0, 0, encodeInstalled(snapshot, capped));
      log.hard = capped;
      log.snapshot = snapshot;
      log.keepFrom = snapshot.index + 1;
      log.table.reset(snapshot.index);
      log.durableLast = snapshot.index;
      log.cutDone();
      return;
    }
    case "checkpoint": {
      const { snapshot, keepFrom } = submission;
      // An installed snapshot may have overtaken it in the queue.
      if (snapshot.index < log.snapshot.index || groups.get(log.group) !== log) return;
      const kept = Math.max(keepFrom, log.keepFrom);
      builder.addRecord(RecordType.checkpoint, 0, log, kept, 0, encodeCheckpoint(snapshot));
      log.snapshot = snapshot;
      log.keepFrom = kept;
      return;
    }
  }
}
