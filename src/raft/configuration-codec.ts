import { ByteReader, ByteWriter } from "../base/index.js";
import type { Configuration, ReplicaId } from "./types.js";

function writeIds(out: ByteWriter, ids: readonly ReplicaId[]): void {
  out.u8(ids.length);
  for (const id of ids) out.u64(id);
}

function readIds(input: ByteReader): ReplicaId[] {
  const count = input.u8();
  const ids: ReplicaId[] = [];
  for (let i = 0; i < count; i++) ids.push(input.u64());
  return ids;
}

/** The data of a `config` entry, and the configuration inside checkpoint metadata. */
export function encodeConfiguration(configuration: Configuration): Uint8Array {
  const out = new ByteWriter(64);
  writeIds(out, configuration.voters);
  writeIds(out, configuration.outgoing);
  writeIds(out, configuration.learners);
  out.u64(configuration.generation ?? 0);
  return out.copy();
}

/** Throws DecodeError on anything that encodeConfiguration did not write. */
export function decodeConfiguration(bytes: Uint8Array): Configuration {
  const input = new ByteReader(bytes);
  const voters = readIds(input);
  const outgoing = readIds(input);
  const learners = readIds(input);
  const generation = input.u64();
  input.finish();
  return { voters, outgoing, learners, ...(generation > 0 ? { generation } : {}) };
}
