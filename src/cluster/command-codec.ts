import { assert, ByteReader, ByteWriter, DecodeError } from "../base/index.js";
import { clusterLimits } from "./limits.js";
import { readIds, writeIds } from "./map-codec.js";
import { isAddress, isIncarnation, isNodeId } from "./text-forms.js";
import type { MapCommand, Seat } from "./types.js";

/** Its place, from 1, is the operation's number in the log and on the wire: only ever append. */
const operations = [
  ...(["bind-node", "add-node", "set-node-state", "place"] as const),
  ...(["replace-replica", "settled", "set-replication-factor"] as const),
] as const satisfies readonly MapCommand["op"][];

/** Likewise, from 0. */
const wantedStates = ["active", "draining", "leaving", "lost"] as const;

/**
 * Layout of a command, little endian: `op u8`, then
 * - bind-node: `seat u32 | incarnation text16`
 * - add-node: `id text16 | incarnation text16 | address text16`
 * - set-node-state: `seat u32 | state u8 | successor u32`
 * - place: `group u32 | decidedOn u64 | count u8 | (seat u32)*`
 * - replace-replica: `group u32 | replica u64`
 * - settled: `group u32 | generation u64 | count u8 | (replica u64)*`
 * - set-replication-factor: `replicationFactor u8`
 *
 * Texts have the forms that a map admits. Numbers may be any that fit: whether they name anything is for `applyCommand` to say.
 */
export function encodeCommand(command: MapCommand): Uint8Array {
  const out = new ByteWriter(64);
  out.u8(operations.indexOf(command.op) + 1);
  const broken = malformedText(command);
  assert(broken === undefined, broken ?? "");
  switch (command.op) {
    case "bind-node":
      out.u32(command.seat);
      out.text16(command.incarnation);
      break;
    case "add-node":
      out.text16(command.id);
      out.text16(command.incarnation);
      out.text16(command.address);
      break;
    case "set-node-state":
      out.u32(command.seat);
      out.u8(wantedStates.indexOf(command.state));
      out.u32(command.successor);
      break;
    case "place":
      out.u32(command.group);
      out.u64(command.decidedOn);
      writeSeats(out, command.seats);
      break;
    case "replace-replica":
      out.u32(command.group);
      out.u64(command.replica);
      break;
    case "settled":
      out.u32(command.group);
      out.u64(command.generation);
      writeIds(out, command.replicas);
      break;
    case "set-replication-factor":
      out.u8(command.replicationFactor);
      break;
  }
  return out.take();
}

/** Throws DecodeError on anything that encodeCommand would not write. */
export function decodeCommand(bytes: Uint8Array): MapCommand {
  const input = new ByteReader(bytes);
  const op = operations[input.u8() - 1];
  if (op === undefined) throw new DecodeError("unknown operation on a cluster map");
  const command = read(op, input);
  input.finish();
  const broken = malformedText(command);
  if (broken !== undefined) throw new DecodeError(broken);
  return command;
}

function read(op: MapCommand["op"], input: ByteReader): MapCommand {
  switch (op) {
    case "bind-node":
      return { op, seat: input.u32(), incarnation: input.text16() };
    case "add-node":
      return { op, id: input.text16(), incarnation: input.text16(), address: input.text16() };
    case "set-node-state": {
      const seat = input.u32();
      const state = wantedStates[input.u8()];
      if (state === undefined) throw new DecodeError("unknown state of a node");
      return { op, seat, state, successor: input.u32() };
    }
    case "place": {
      const group = input.u32();
      const decidedOn = input.u64();
      return { op, group, seats: readSeats(input), decidedOn };
    }
    case "replace-replica":
      return { op, group: input.u32(), replica: input.u64() };
    case "settled": {
      const group = input.u32();
      const generation = input.u64();
      return { op, group, replicas: readIds(input), generation };
    }
    case "set-replication-factor":
      return { op, replicationFactor: input.u8() };
  }
}

function malformedText(command: MapCommand): string | undefined {
  if (command.op !== "bind-node" && command.op !== "add-node") return undefined;
  if (!isIncarnation(command.incarnation)) return "an incarnation is 16 hex digits";
  if (command.op === "bind-node") return undefined;
  if (!isNodeId(command.id)) return "not a node id";
  return isAddress(command.address) ? undefined : "not an address";
}

function writeSeats(out: ByteWriter, seats: readonly Seat[]): void {
  assert(seats.length <= clusterLimits.listMax, "a list of that many seats");
  out.u8(seats.length);
  for (const seat of seats) out.u32(seat);
}

function readSeats(input: ByteReader): Seat[] {
  const seats: Seat[] = [];
  for (let left = input.u8(); left > 0; left--) seats.push(input.u32());
  return seats;
}
