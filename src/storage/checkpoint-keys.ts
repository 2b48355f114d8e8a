import { ByteReader, ByteWriter, DecodeError } from "../base/index.js";
import { decodeConfiguration, encodeConfiguration, type SnapshotMeta } from "../raft/index.js";
import type { Lanes } from "./row-hash.js";
import { rowSum } from "./row-hash.js";
import type { GroupId } from "./shard-log.js";

/**
 * Keys are group u32 | generation u32 | row key, big endian. Generation 0 holds the group's own rows: the root (no row key)
 * and intents (0x01 | generation). An intent says that a generation is to be removed unless the root names it: it is written
 * before rows of a staged generation, and together with the switch that makes a generation old.
 */
export const GENERATION_MAX = 0xfffffffe;

/** Bytes in front of a row's own key. */
export const KEY_PREFIX_BYTES = 8;

/** Bytes in front of a row's own value: its sum. */
export const SUM_BYTES = 4;

const ROOT_FORMAT = 1;
const INTENT = 1;

export interface Root {
  readonly generation: number;
  readonly rowCount: number;
  readonly hash: Readonly<Lanes>;
  readonly snapshot: SnapshotMeta;
}

export function prefix(group: GroupId, generation: number): Buffer {
  const key = Buffer.allocUnsafe(KEY_PREFIX_BYTES);
  key.writeUInt32BE(group, 0);
  key.writeUInt32BE(generation, 4);
  return key;
}

export function rowKey(group: GroupId, generation: number, key: Uint8Array): Buffer {
  const whole = Buffer.allocUnsafe(KEY_PREFIX_BYTES + key.length);
  whole.writeUInt32BE(group, 0);
  whole.writeUInt32BE(generation, 4);
  whole.set(key, KEY_PREFIX_BYTES);
  return whole;
}

export function rootKey(group: GroupId): Buffer {
  return prefix(group, 0);
}

export function intentKey(group: GroupId, generation: number): Buffer {
  const key = Buffer.allocUnsafe(KEY_PREFIX_BYTES + 5);
  prefix(group, 0).copy(key);
  key[KEY_PREFIX_BYTES] = INTENT;
  key.writeUInt32BE(generation, KEY_PREFIX_BYTES + 1);
  return key;
}

/** The generation of an intent key, undefined for other keys. */
export function intentGeneration(key: Uint8Array): number | undefined {
  if (key.length !== KEY_PREFIX_BYTES + 5 || generationOf(key) !== 0 || key[KEY_PREFIX_BYTES] !== INTENT)
    return undefined;
  return u32At(key, KEY_PREFIX_BYTES + 1);
}

export function groupOf(key: Uint8Array): GroupId {
  return u32At(key, 0);
}

export function generationOf(key: Uint8Array): number {
  return u32At(key, 4);
}

function u32At(key: Uint8Array, at: number): number {
  return new DataView(key.buffer, key.byteOffset, key.length).getUint32(at);
}

/** The stored form of a row's value: its sum, then the value. */
export function withSum(value: Uint8Array, sum: number): Buffer {
  const stored = Buffer.allocUnsafe(SUM_BYTES + value.length);
  stored.writeUInt32LE(sum, 0);
  stored.set(value, SUM_BYTES);
  return stored;
}

/** The sum in a stored value if it matches key and value, else undefined. */
export function verifiedSum(key: Uint8Array, stored: Uint8Array): number | undefined {
  if (stored.length < SUM_BYTES) return undefined;
  const found = new DataView(stored.buffer, stored.byteOffset, SUM_BYTES).getUint32(0, true);
  return found === rowSum(key, stored, SUM_BYTES) ? found : undefined;
}

export function encodeRoot(root: Root): Buffer {
  const out = new ByteWriter(160);
  out.u16(ROOT_FORMAT);
  out.u32(root.generation);
  out.u64(root.rowCount);
  out.u32(root.hash.low);
  out.u32(root.hash.high);
  out.u64(root.snapshot.index);
  out.u64(root.snapshot.term);
  out.u64(root.snapshot.configurationIndex);
  out.bytes32(encodeConfiguration(root.snapshot.configuration));
  return out.take();
}

/** Throws DecodeError on what encodeRoot of this or an earlier format did not write. */
export function decodeRoot(bytes: Uint8Array): Root {
  const input = new ByteReader(bytes);
  const format = input.u16();
  if (format !== ROOT_FORMAT) throw new DecodeError(`checkpoint format ${String(format)} is newer than this program`);
  const generation = input.u32();
  const rowCount = input.u64();
  const hash = { low: input.u32(), high: input.u32() };
  const index = input.u64();
  const term = input.u64();
  const configurationIndex = input.u64();
  const configuration = decodeConfiguration(input.bytes32());
  input.finish();
  return { generation, rowCount, hash, snapshot: { index, term, configuration, configurationIndex } };
}
