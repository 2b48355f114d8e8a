import { ByteReader, ByteWriter, DecodeError } from "../base/index.js";
import { type NodeId, readMessage, type SnapshotPart, writeMessage } from "../peer/index.js";
import type { Index, Message, ReplicaId, Term } from "../raft/index.js";
import type { GroupId, Row, RowSummary } from "../storage/index.js";

export type Announcement = Extract<Message, { readonly type: "snapshot-request" }>;

/** What a sender offers. Transfers of the same rows, cut in the same way, can go on from each other. */
export interface SnapshotOffer extends RowSummary {
  /** Parts are as long as rows fit into so many bytes. */
  readonly partBytes: number;
  /** For the core of the receiver, once all rows are there. */
  readonly announcement: Announcement;
}

/** Why a receiver ends a transfer: numbers of the wire. */
export const SnapshotRefusal = {
  /** Others are being received, or one is being installed: later. */
  busy: 0,
  /** A part is missing: the transfer may go on from the last that is stored. */
  lost: 1,
  /** What arrived is not what was offered. */
  damaged: 2,
  /** It is for another replica. */
  unwanted: 3,
} as const;

/** A leader's wish that another replica sends its checkpoint to `to`, in the leader's name. */
export interface DelegateOrder {
  readonly to: ReplicaId;
  readonly node: NodeId;
  readonly minimumIndex: Index;
  readonly leader: ReplicaId;
  readonly term: Term;
}

/** Numbers of the wire. */
export const DelegateState = { underWay: 0, sent: 1, failed: 2, cannot: 3 } as const;
export type DelegateState = (typeof DelegateState)[keyof typeof DelegateState];

export interface DelegateReport {
  readonly state: DelegateState;
  /** Of the checkpoint that was sent; 0 otherwise. */
  readonly index: Index;
}

/** Names what a transfer carries, and how it is cut. */
export function identityOf({ rowCount, hash, partBytes, announcement }: SnapshotOffer): string {
  const { index, term } = announcement.snapshot;
  return [index, term, rowCount, hash.low, hash.high, partBytes].join("/");
}

export function writeOffer(group: GroupId, offer: SnapshotOffer): Uint8Array {
  const out = new ByteWriter();
  out.u64(offer.rowCount);
  out.u32(offer.hash.low);
  out.u32(offer.hash.high);
  out.u32(offer.partBytes);
  writeMessage(out, group, offer.announcement);
  return out.take();
}

/** Throws DecodeError, as all that follow, for what the writer did not write. */
export function readOffer(part: SnapshotPart): SnapshotOffer {
  const input = new ByteReader(part.detail);
  const rowCount = input.u64();
  const hash = { low: input.u32(), high: input.u32() };
  const partBytes = input.u32();
  const { group, message } = readMessage(input);
  input.finish();
  if (message.type !== "snapshot-request" || group !== part.group)
    throw new DecodeError("the offer of a snapshot announces that snapshot");
  return { rowCount, hash, partBytes, announcement: message };
}

export function readRows(part: SnapshotPart): Row[] {
  const input = new ByteReader(part.rows);
  const rows: Row[] = [];
  while (input.remaining > 0) rows.push({ key: input.bytes32(), value: input.bytes32() });
  return rows;
}

export function writeDelegateOrder(order: DelegateOrder): Uint8Array {
  const out = new ByteWriter();
  out.u64(order.to);
  out.text16(order.node);
  out.u64(order.minimumIndex);
  out.u64(order.leader);
  out.u64(order.term);
  return out.take();
}

export function readDelegateOrder(part: SnapshotPart): DelegateOrder {
  const input = new ByteReader(part.detail);
  const to = input.u64();
  const node = input.text16();
  const minimumIndex = input.u64();
  const leader = input.u64();
  const term = input.u64();
  input.finish();
  return { to, node, minimumIndex, leader, term };
}

export function writeDelegateReport({ state, index }: DelegateReport): Uint8Array {
  const out = new ByteWriter(16);
  out.u8(state);
  out.u64(index);
  return out.take();
}

export function readDelegateReport(part: SnapshotPart): DelegateReport {
  const input = new ByteReader(part.detail);
  const number = input.u8();
  const index = input.u64();
  input.finish();
  const state = Object.values(DelegateState).find((known) => known === number);
  if (state === undefined) throw new DecodeError("unknown state of a delegate");
  return { state, index };
}
