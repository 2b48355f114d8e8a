import { describe, expect, test } from "@jest/globals";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { DecodeError } from "../../src/base/index.js";
import { PeerFrameSchema, type SnapshotChunk } from "../../src/gen/marconi/v1/peers_pb.js";
import { type SnapshotPart, snapshotPartKinds } from "../../src/peer/network.js";
import { snapshotFrame, snapshotPartOf } from "../../src/peer/snapshot-frame.js";

const u32 = fc.nat(0xffffffff);
const parts: fc.Arbitrary<SnapshotPart> = fc.record({
  group: u32,
  transfer: fc.maxSafeNat(),
  kind: fc.constantFrom(...snapshotPartKinds),
  number: u32,
  // Lengths whose varints take one byte and more.
  rows: fc.constantFrom(0, 1, 127, 128, 16_383, 16_384, 70_000).map((bytes) => new Uint8Array(bytes).fill(bytes)),
  detail: fc.uint8Array({ maxLength: 300, size: "max" }),
});

const chunkOf = (frame: Uint8Array): SnapshotChunk => fromBinary(PeerFrameSchema, frame).snapshot as SnapshotChunk;

describe("a part of a snapshot in a frame", () => {
  test("is what the general encoder would have written", () => {
    fc.assert(
      fc.property(parts, (part) => {
        const frame = snapshotFrame(part);
        const chunk = chunkOf(frame);
        const { rows, ...rest } = snapshotPartOf(chunk) as SnapshotPart;
        expect(rest).toEqual({ ...part, rows: undefined });
        expect(Buffer.compare(rows, part.rows)).toBe(0);
        const again = toBinary(PeerFrameSchema, create(PeerFrameSchema, { snapshot: chunk }));
        expect(again.length).toBe(frame.length);
        expect(snapshotPartOf(chunkOf(again))).toBeDefined();
      }),
      { numRuns: 60 },
    );
  });

  test("may be as large as a row", () => {
    const rows = Buffer.alloc(3_000_000, 7);
    const part = { group: 1, transfer: 2, kind: "rows", number: 3, rows, detail: Buffer.alloc(0) } as const;
    expect(Buffer.compare(snapshotPartOf(chunkOf(snapshotFrame(part)))?.rows ?? Buffer.alloc(0), rows)).toBe(0);
  });

  test("is dropped when a bit of it changed, and refused when its kind is not known", () => {
    const part: SnapshotPart = {
      ...{ group: 1, transfer: 2, kind: "rows", number: 3 },
      rows: Buffer.from("rows"),
      detail: Buffer.from("detail"),
    };
    const chunk = chunkOf(snapshotFrame(part));
    for (const changed of [{ rows: Buffer.from("cows") }, { detail: Buffer.from("retail") }])
      expect(snapshotPartOf({ ...chunk, ...changed })).toBeUndefined();
    expect(() => snapshotPartOf({ ...chunk, kind: snapshotPartKinds.length })).toThrow(DecodeError);
  });
});
