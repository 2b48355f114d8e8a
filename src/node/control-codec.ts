import { ByteReader, ByteWriter, DecodeError } from "../base/index.js";
import { type ClusterMap, decodeMap, encodeMap } from "../cluster/index.js";
import type { ReplicaId } from "../raft/index.js";

/** News between nodes about the cluster itself. Any of it may be lost: whoever has news repeats it until it shows in the map. */
export type ControlMessage =
  /** The sender's map. */
  | { readonly type: "map"; readonly map: ClusterMap }
  /** The version of the sender's map; whoever has a newer one answers with it. */
  | { readonly type: "map-version"; readonly version: number }
  /** The sender leads this group, and exactly these are its voters by a committed configuration, as the placement of `generation` wants. */
  | {
      readonly type: "settled";
      readonly group: number;
      readonly replicas: readonly ReplicaId[];
      readonly generation: number;
    }
  /** The sender hosts this replica no more: its data is damaged or gone. */
  | { readonly type: "replica-lost"; readonly group: number; readonly replica: ReplicaId }
  /** The sender's wall clock, milliseconds since 1970, when it sent this. */
  | { readonly type: "clock"; readonly wallMs: number };

/** Numbers of the wire: never reuse one. */
const types = [
  "map",
  "map-version",
  "settled",
  "replica-lost",
  "clock",
] as const satisfies readonly ControlMessage["type"][];

export function encodeControl(message: ControlMessage): Uint8Array {
  const out = new ByteWriter(64);
  out.u8(types.indexOf(message.type) + 1);
  switch (message.type) {
    case "map":
      out.raw(encodeMap(message.map));
      break;
    case "map-version":
      out.u64(message.version);
      break;
    case "settled":
      out.u32(message.group);
      out.u8(message.replicas.length);
      for (const replica of message.replicas) out.u64(replica);
      out.u64(message.generation);
      break;
    case "replica-lost":
      out.u32(message.group);
      out.u64(message.replica);
      break;
    case "clock":
      out.u64(message.wallMs);
      break;
  }
  return out.copy();
}

/** Throws DecodeError on anything that encodeControl did not write. */
export function decodeControl(bytes: Uint8Array): ControlMessage {
  const input = new ByteReader(bytes);
  const type = types[input.u8() - 1];
  if (type === undefined) throw new DecodeError("unknown kind of news between nodes");
  if (type === "map") return { type, map: decodeMap(bytes.subarray(1)) };
  const message = read(type, input);
  input.finish();
  return message;
}

function read(type: Exclude<ControlMessage["type"], "map">, input: ByteReader): ControlMessage {
  switch (type) {
    case "map-version":
      return { type, version: input.u64() };
    case "settled": {
      const group = input.u32();
      const replicas: ReplicaId[] = [];
      for (let left = input.u8(); left > 0; left--) replicas.push(input.u64());
      return { type, group, replicas, generation: input.u64() };
    }
    case "replica-lost":
      return { type, group: input.u32(), replica: input.u64() };
    case "clock":
      return { type, wallMs: input.u64() };
  }
}
