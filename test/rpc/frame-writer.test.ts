import { describe, expect, test } from "@jest/globals";
import { fromBinary, create, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { ExchangeResponseSchema } from "../../src/gen/marconi/v1/partitions_pb.js";
import { FrameWriter } from "../../src/rpc/index.js";

const u32 = fc.nat({ max: 0xffffffff });
const column = fc.array(u32, { maxLength: 300 });

describe("frames encoded in place", () => {
  test("a general decoder reads them", () => {
    fc.assert(
      fc.property(column, column, fc.uint8Array({ maxLength: 3_000 }), (correlations, lengths, payload) => {
        const { field } = ExchangeResponseSchema;
        const frame = new FrameWriter(16);
        frame.beginBytes(field.payload.number).raw(payload);
        frame.endBytes();
        frame.packed(field.correlations.number, correlations);
        frame.packed(field.lengths.number, lengths);
        const leaders = [{ partition: 7, term: 3n, leaderNodeId: "n1", serving: true }];
        frame.encoded(toBinary(ExchangeResponseSchema, create(ExchangeResponseSchema, { leaders })));
        const decoded = fromBinary(ExchangeResponseSchema, frame.take());
        expect(decoded.correlations).toEqual(correlations);
        expect(decoded.lengths).toEqual(lengths);
        expect(Buffer.from(decoded.payload).equals(payload)).toBe(true);
        expect(decoded.leaders[0]).toMatchObject(leaders[0] ?? {});
      }),
    );
  });

  test("lengths up to many megabytes are written right, and a writer starts over after take", () => {
    const { field } = ExchangeResponseSchema;
    const frame = new FrameWriter(16);
    for (const size of [0, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, 20_000_000]) {
      frame.beginBytes(field.payload.number).raw(Buffer.alloc(size, 1));
      frame.endBytes();
      expect(fromBinary(ExchangeResponseSchema, frame.take()).payload.length).toBe(size);
    }
  });

  test("an open field cannot be left behind", () => {
    const frame = new FrameWriter(16);
    frame.beginBytes(5);
    expect(() => frame.take()).toThrow("closed");
    expect(() => frame.beginBytes(6)).toThrow("one field");
  });
});
