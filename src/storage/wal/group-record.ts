import { type ByteReader, ByteWriter } from "../../base/index.js";
import {
  decodeConfiguration,
  encodeConfiguration,
  type HardState,
  type Index,
  type SnapshotMeta,
} from "../../raft/index.js";

/** The body of a `group` record: everything about a group but its entries. */
export interface GroupState {
  readonly hard: HardState;
  readonly snapshot: SnapshotMeta;
  readonly keepFrom: Index;
  readonly lastIndex: Index;
}

function writeHard(out: ByteWriter, hard: HardState): void {
  out.u64(hard.term);
  out.u64(hard.vote);
  out.u64(hard.commit);
}

function readHard(input: ByteReader): HardState {
  return { term: input.u64(), vote: input.u64(), commit: input.u64() };
}

export function writeSnapshotMeta(out: ByteWriter, snapshot: SnapshotMeta): void {
  out.u64(snapshot.index);
  out.u64(snapshot.term);
  out.u64(snapshot.configurationIndex);
  out.bytes32(encodeConfiguration(snapshot.configuration));
}

export function readSnapshotMeta(input: ByteReader): SnapshotMeta {
  const index = input.u64();
  const term = input.u64();
  const configurationIndex = input.u64();
  return { index, term, configurationIndex, configuration: decodeConfiguration(input.bytes32()) };
}

export function encodeGroupState(state: GroupState): Buffer {
  const out = new ByteWriter(192);
  writeHard(out, state.hard);
  out.u64(state.keepFrom);
  out.u64(state.lastIndex);
  writeSnapshotMeta(out, state.snapshot);
  return out.take();
}

export function decodeGroupState(input: ByteReader): GroupState {
  const hard = readHard(input);
  const keepFrom = input.u64();
  const lastIndex = input.u64();
  const snapshot = readSnapshotMeta(input);
  input.finish();
  return { hard, snapshot, keepFrom, lastIndex };
}

/** The body of a `snapshot` record. */
export function encodeInstalled(snapshot: SnapshotMeta, hard: HardState): Buffer {
  const out = new ByteWriter(160);
  writeHard(out, hard);
  writeSnapshotMeta(out, snapshot);
  return out.take();
}

export function decodeInstalled(input: ByteReader): { hard: HardState; snapshot: SnapshotMeta } {
  const hard = readHard(input);
  const snapshot = readSnapshotMeta(input);
  input.finish();
  return { hard, snapshot };
}

/** The body of a `checkpoint` record; `keepFrom` is the record's index. */
export function encodeCheckpoint(snapshot: SnapshotMeta): Buffer {
  const out = new ByteWriter(128);
  writeSnapshotMeta(out, snapshot);
  return out.take();
}

export function decodeCheckpoint(input: ByteReader): SnapshotMeta {
  const snapshot = readSnapshotMeta(input);
  input.finish();
  return snapshot;
}
