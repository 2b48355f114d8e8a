import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { crc32c } from "../base/index.js";
import { type PeerFrame, PeerFrameSchema, type SnapshotChunk } from "../gen/marconi/v1/peers_pb.js";
import type { PeerIdentity, Refusal } from "./identity-check.js";
import type { SnapshotPart } from "./network.js";

/** The first frame of a direction, or with a refusal also the last. */
export function helloFrame(own: PeerIdentity, refusal: Refusal | undefined): PeerFrame {
  const { nodeId, clusterId, incarnation, protocolVersion, partitionCount } = own;
  const hello = { nodeId, clusterId, incarnation, protocolVersion, partitionCount };
  if (refusal === undefined) return create(PeerFrameSchema, { hello });
  return create(PeerFrameSchema, { hello: { ...hello, refusal: refusal.reason, evicted: refusal.evicted } });
}

export function controlFrame(control: Uint8Array): Buffer {
  return encoded({ control });
}

export function snapshotFrame(part: SnapshotPart): Buffer {
  return encoded({ snapshot: { ...part, transfer: BigInt(part.transfer), crc32c: checksum(part) } });
}

/** The part in a frame; undefined when it arrived damaged. */
export function snapshotPartOf(chunk: SnapshotChunk): SnapshotPart | undefined {
  if (chunk.crc32c !== checksum(chunk)) return undefined;
  const { group, transfer, number, rows, request, acknowledgement, failed } = chunk;
  return { group, transfer: Number(transfer), number, rows, request, acknowledgement, failed };
}

function encoded(frame: MessageInitShape<typeof PeerFrameSchema>): Buffer {
  const bytes = toBinary(PeerFrameSchema, create(PeerFrameSchema, frame));
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function checksum(part: { readonly rows: Uint8Array; readonly request: Uint8Array }): number {
  return crc32c(part.request, crc32c(part.rows));
}
