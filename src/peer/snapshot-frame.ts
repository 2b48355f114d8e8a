import { create, toBinary } from "@bufbuild/protobuf";
import { crc32c, DecodeError } from "../base/index.js";
import { PeerFrameSchema, type SnapshotChunk } from "../gen/marconi/v1/peers_pb.js";
import { type SnapshotPart, snapshotPartKinds } from "./network.js";

/** A whole frame with a part of a snapshot in it. */
export function snapshotFrame(part: SnapshotPart): Buffer {
  const { group, transfer, number, rows, detail } = part;
  const kind = snapshotPartKinds.indexOf(part.kind);
  const snapshot = { group, transfer: BigInt(transfer), number, rows, detail, kind, crc32c: checksum(part) };
  const bytes = toBinary(PeerFrameSchema, create(PeerFrameSchema, { snapshot }));
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The part in a frame; undefined when it arrived damaged. Throws DecodeError for a kind that is not known. */
export function snapshotPartOf(chunk: SnapshotChunk): SnapshotPart | undefined {
  if (chunk.crc32c !== checksum(chunk)) return undefined;
  const kind = snapshotPartKinds[chunk.kind];
  if (kind === undefined) throw new DecodeError(`unknown kind ${String(chunk.kind)} of a part of a snapshot`);
  const { group, number, rows, detail } = chunk;
  return { group, transfer: Number(chunk.transfer), kind, number, rows, detail };
}

function checksum(part: { readonly rows: Uint8Array; readonly detail: Uint8Array }): number {
  return crc32c(part.detail, crc32c(part.rows));
}
