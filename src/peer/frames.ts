import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { type PeerFrame, PeerFrameSchema } from "../gen/marconi/v1/peers_pb.js";
import type { PeerIdentity, Refusal } from "./identity-check.js";

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

function encoded(frame: MessageInitShape<typeof PeerFrameSchema>): Buffer {
  const bytes = toBinary(PeerFrameSchema, create(PeerFrameSchema, frame));
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
