import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { ByteReader, ByteWriter, DecodeError } from "../../src/base/index.js";
import { type Beat, blockType, HeartbeatBlock, readBlock } from "../../src/peer/heartbeat-block.js";

type Row = readonly [group: number, beat: Beat];

const number = fc.oneof(fc.nat({ max: 200 }), fc.maxSafeNat());
const group = fc.oneof(fc.nat({ max: 600 }), fc.nat({ max: 0xffff_ffff }));
const common = { from: number, to: number, term: number, context: number };
const heartbeat = fc.record({ type: fc.constant("heartbeat" as const), ...common, commit: number });
const reply = fc.record({ type: fc.constant("heartbeat-reply" as const), ...common });
const rows: fc.Arbitrary<Row[]> = fc.oneof(
  fc.array(fc.tuple(group, heartbeat), { minLength: 1, maxLength: 30 }),
  fc.array(fc.tuple(group, reply), { minLength: 1, maxLength: 30 }),
);

function write(all: readonly Row[], block = new HeartbeatBlock((all[0] as Row)[1].type)): Buffer {
  for (const [one, beat] of all) block.add(one, beat);
  const out = new ByteWriter();
  block.moveTo(out);
  return out.take();
}

function read(bytes: Uint8Array): Row[] {
  const input = new ByteReader(bytes);
  const found: Row[] = [];
  const count = input.u32();
  const type = blockType(input.u8());
  if (type === undefined) throw new Error("no block");
  readBlock(input, type, count, (one, beat) => found.push([one, beat]));
  input.finish();
  return found;
}

describe("a block of heartbeats", () => {
  test("is read as the messages that were written, all of their fields, in any order of groups", () => {
    fc.assert(
      fc.property(rows, (all) => {
        expect(read(write(all))).toEqual(all);
      }),
    );
  });

  test("starts over when it was moved, and is nothing when nothing was added", () => {
    const block = new HeartbeatBlock("heartbeat-reply");
    const beat: Beat = { type: "heartbeat-reply", from: 1, to: 2, term: 3, context: 4 };
    for (const one of [9, 7]) {
      expect(read(write([[one, beat]], block))).toEqual([[one, beat]]);
      expect(block.length).toBe(0);
    }
    const out = new ByteWriter();
    block.moveTo(out);
    expect(out.length).toBe(0);
  });

  test("takes a few bytes for each of the groups of a node that lie idle", () => {
    const block = new HeartbeatBlock("heartbeat");
    for (let one = 0; one < 512; one += 3)
      block.add(one, { type: "heartbeat", from: 1, to: 2, term: 12, commit: 100_000, context: 0 });
    expect(block.length / 171).toBeLessThanOrEqual(8);
  });

  test("cut anywhere is refused, never misread", () => {
    fc.assert(
      fc.property(rows, fc.nat(), (all, cut) => {
        const bytes = write(all);
        expect(() => read(bytes.subarray(0, cut % bytes.length))).toThrow(DecodeError);
      }),
    );
  });

  test.each([
    ["before the first", [1]],
    ["after the last", [0x80, 0x80, 0x80, 0x80, 0x20]],
  ])("of a group %s is refused", (_, step) => {
    const bytes = Buffer.from([1, 0, 0, 0, 10, ...step, 1, 2, 3, 4]);
    expect(() => read(bytes)).toThrow(/^group /);
  });

  test("that promises more rows than it has is refused", () => {
    const bytes = write([[1, { type: "heartbeat-reply", from: 1, to: 2, term: 3, context: 4 }]]);
    bytes.writeUInt32LE(0xffff_ffff, 0);
    expect(() => read(bytes)).toThrow(DecodeError);
  });
});
