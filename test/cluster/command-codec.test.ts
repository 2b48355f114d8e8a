import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { DecodeError } from "../../src/base/index.js";
import { decodeCommand, encodeCommand, type MapCommand, metaGroup } from "../../src/cluster/index.js";
import { incarnation } from "./maps.js";

const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const safe = fc.maxSafeNat();
const incarnations = fc.maxSafeNat().map(incarnation);

const commands: fc.Arbitrary<MapCommand> = fc.oneof(
  fc.record({ op: fc.constant("bind-node" as const), seat: u32, incarnation: incarnations }),
  fc.record({
    op: fc.constant("add-node" as const),
    id: fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/),
    incarnation: incarnations,
    address: fc.stringMatching(/^[!-~]{1,260}$/),
  }),
  fc.record({
    op: fc.constant("set-node-state" as const),
    seat: u32,
    state: fc.constantFrom("active", "draining", "leaving", "lost"),
    successor: u32,
  }),
  fc.record({
    op: fc.constant("place" as const),
    group: u32,
    seats: fc.array(u32, { maxLength: 255, size: "medium" }),
    decidedOn: safe,
  }),
  fc.record({ op: fc.constant("replace-replica" as const), group: u32, replica: safe }),
  fc.record({
    op: fc.constant("settled" as const),
    group: u32,
    replicas: fc.array(safe, { maxLength: 255, size: "medium" }),
    generation: safe,
  }),
  fc.record({ op: fc.constant("set-replication-factor" as const), replicationFactor: fc.nat({ max: 255 }) }),
);

function decoded(bytes: Uint8Array): MapCommand | undefined {
  try {
    return decodeCommand(bytes);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return undefined;
  }
}

describe("the codec of commands", () => {
  it("gives back what it was given", () => {
    fc.assert(
      fc.property(commands, (command) => {
        expect(decodeCommand(encodeCommand(command))).toEqual(command);
      }),
      { numRuns: 500 },
    );
  });

  it("refuses bytes that are cut short or go on", () => {
    fc.assert(
      fc.property(commands, fc.nat(), (command, at) => {
        const bytes = encodeCommand(command);
        expect(decoded(bytes.subarray(0, at % bytes.length))).toBeUndefined();
        expect(decoded(Buffer.concat([bytes, Buffer.from([0])]))).toBeUndefined();
      }),
      { numRuns: 500 },
    );
  });

  it("takes of changed bytes only what it would write itself", () => {
    fc.assert(
      fc.property(commands, fc.nat(), fc.nat({ max: 255 }), (command, at, value) => {
        const bytes = Buffer.from(encodeCommand(command));
        bytes[at % bytes.length] = value;
        const other = decoded(bytes);
        if (other !== undefined) expect(Buffer.from(encodeCommand(other)).equals(bytes)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it("survives any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        decoded(bytes);
      }),
      { numRuns: 1_000 },
    );
  });

  it("refuses operations, states and texts that it does not know", () => {
    expect(() => decodeCommand(Buffer.from([0]))).toThrow("unknown operation");
    expect(() => decodeCommand(Buffer.from([8]))).toThrow("unknown operation");
    expect(() => decodeCommand(Buffer.from([3, 1, 0, 0, 0, 4, 0, 0, 0, 0]))).toThrow("unknown state");
    const add = { op: "add-node", id: "n1", incarnation: incarnation(1), address: "host:1" } as const;
    expect(() => encodeCommand({ ...add, id: "-" })).toThrow("not a node id");
    expect(() => encodeCommand({ ...add, address: "a\nb" })).toThrow("not an address");
    expect(() => encodeCommand({ ...add, incarnation: "" })).toThrow("16 hex digits");
    expect(() => encodeCommand({ op: "bind-node", seat: 1, incarnation: "x" })).toThrow("16 hex digits");
    const bytes = Buffer.from(encodeCommand(add));
    bytes[bytes.indexOf("n1")] = 0xff;
    expect(() => decodeCommand(bytes)).toThrow("not a node id");
  });

  it("writes lists of a bounded length", () => {
    const seats = Array.from({ length: 256 }, (_, i) => i);
    expect(() => encodeCommand({ op: "place", group: 0, seats, decidedOn: 1 })).toThrow("that many seats");
    const settled = { op: "settled", group: 0, replicas: seats, generation: 1 } as const;
    expect(() => encodeCommand(settled)).toThrow("that many ids");
  });

  it("writes the bytes that are in logs already", () => {
    const hex = (command: MapCommand): string => Buffer.from(encodeCommand(command)).toString("hex");
    expect(hex({ op: "bind-node", seat: 2, incarnation: "00000000000000ff" })).toBe(
      `01020000001000${Buffer.from("00000000000000ff").toString("hex")}`,
    );
    expect(hex({ op: "add-node", id: "n1", incarnation: "00000000000000ff", address: "h:1" })).toBe(
      `0202006e311000${Buffer.from("00000000000000ff").toString("hex")}0300683a31`,
    );
    expect(hex({ op: "set-node-state", seat: 3, state: "leaving", successor: 4 })).toBe("03030000000204000000");
    expect(hex({ op: "place", group: metaGroup, seats: [1, 2], decidedOn: 9 })).toBe(
      "04ffffffff0900000000000000020100000002000000",
    );
    expect(hex({ op: "replace-replica", group: 1, replica: 2 ** 20 + 1 })).toBe("05010000000100100000000000");
    expect(hex({ op: "settled", group: 1, replicas: [2], generation: 3 })).toBe(
      "06010000000300000000000000010200000000000000",
    );
    expect(hex({ op: "set-replication-factor", replicationFactor: 5 })).toBe("0705");
  });
});
