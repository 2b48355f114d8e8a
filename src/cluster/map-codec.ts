import { assert, ByteReader, ByteWriter, crc32c, DecodeError } from "../base/index.js";
import { clusterLimits } from "./limits.js";
import { invalidMap } from "./map-rules.js";
import { nodeStates } from "./node-states.js";
import type { ClusterMap, ClusterNode, Placement, ReplicaId } from "./types.js";

/** Of the encoding: a reader refuses any other. */
const FORMAT = 1;

/**
 * Layout of a map, little endian:
 * `format u8 | version u64 | partitionCount u32 | founders u32 | foundingReplicationFactor u8 | replicationFactor u8 |
 * nodeCount u32 | node* | meta | partition*` with a node, its seat being its place, from 1:
 * `id text16 | address text16 | incarnation text16 | state u8 | successor u32`, and a placement:
 * `generation u32 | replicas | target | former`, each `count u8 | u64*`. Equal maps have equal bytes.
 */
export function encodeMap(map: ClusterMap): Uint8Array {
  const broken = invalidMap(map);
  assert(broken === undefined, `not a cluster map: ${broken ?? ""}`);
  const out = new ByteWriter(1024);
  out.u8(FORMAT);
  out.u64(map.version);
  out.u32(map.partitionCount);
  out.u32(map.founders);
  out.u8(map.foundingReplicationFactor);
  out.u8(map.replicationFactor);
  out.u32(map.nodes.length);
  for (const node of map.nodes) writeNode(out, node);
  writePlacement(out, map.meta);
  for (const placement of map.partitions) writePlacement(out, placement);
  return out.take();
}

/** Throws DecodeError on anything that encodeMap would not write. */
export function decodeMap(bytes: Uint8Array): ClusterMap {
  const input = new ByteReader(bytes);
  const format = input.u8();
  if (format !== FORMAT) throw new DecodeError(`cluster map of format ${format}, not ${FORMAT}`);
  const version = input.u64();
  const partitionCount = input.u32();
  if (partitionCount > clusterLimits.partitionsMax) throw new DecodeError("too many partitions");
  const founders = input.u32();
  const foundingReplicationFactor = input.u8();
  const replicationFactor = input.u8();
  const nodeCount = input.u32();
  if (nodeCount > clusterLimits.rowsMax) throw new DecodeError("too many nodes");
  const nodes: ClusterNode[] = [];
  for (let seat = 1; seat <= nodeCount; seat++) nodes.push(readNode(input, seat));
  const meta = readPlacement(input);
  const partitions: Placement[] = [];
  for (let group = 0; group < partitionCount; group++) partitions.push(readPlacement(input));
  input.finish();
  const map = {
    ...{ version, partitionCount, founders, foundingReplicationFactor, replicationFactor },
    ...{ nodes, meta, partitions },
  };
  const broken = invalidMap(map);
  if (broken !== undefined) throw new DecodeError(`not a cluster map: ${broken}`);
  return map;
}

/** The same for equal maps: CRC32C of the encoding. */
export function mapDigest(map: ClusterMap): number {
  return crc32c(encodeMap(map));
}

function writeNode(out: ByteWriter, node: ClusterNode): void {
  out.text16(node.id);
  out.text16(node.address);
  out.text16(node.incarnation);
  out.u8(nodeStates.indexOf(node.state));
  out.u32(node.successor);
}

function readNode(input: ByteReader, seat: number): ClusterNode {
  const id = input.text16();
  const address = input.text16();
  const incarnation = input.text16();
  const state = nodeStates[input.u8()];
  if (state === undefined) throw new DecodeError("unknown state of a node");
  return { seat, id, address, incarnation, state, successor: input.u32() };
}

function writePlacement(out: ByteWriter, { generation, replicas, target, former }: Placement): void {
  out.u32(generation);
  writeIds(out, replicas);
  writeIds(out, target);
  writeIds(out, former);
}

function readPlacement(input: ByteReader): Placement {
  const generation = input.u32();
  return { replicas: readIds(input), target: readIds(input), former: readIds(input), generation };
}

/** 255 ids at most. */
export function writeIds(out: ByteWriter, ids: readonly ReplicaId[]): void {
  assert(ids.length <= clusterLimits.listMax, "a list of that many ids");
  out.u8(ids.length);
  for (const id of ids) out.u64(id);
}

export function readIds(input: ByteReader): ReplicaId[] {
  const ids: ReplicaId[] = [];
  for (let left = input.u8(); left > 0; left--) ids.push(input.u64());
  return ids;
}
