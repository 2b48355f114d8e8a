import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { DecodeError } from "../../src/base/index.js";
import { type ControlMessage, decodeControl, encodeControl } from "../../src/node/control-codec.js";
import { foundingOf, placed, withNodes } from "./maps.js";

const group = fc.nat({ max: 0xffff_ffff });
const safe = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const message: fc.Arbitrary<ControlMessage> = fc.oneof(
  fc
    .record({
      nodes: fc.integer({ min: 1, max: 9 }),
      partitions: fc.integer({ min: 1, max: 20 }),
      generation: fc.nat(),
    })
    .map(({ nodes, partitions, generation }): ControlMessage => {
      const map = withNodes(foundingOf(nodes, partitions), () => ({}));
      return { type: "map", map: placed(map, 0, { generation }) };
    }),
  fc.record({ type: fc.constant("map-version" as const), version: safe }),
  fc.record({
    type: fc.constant("settled" as const),
    group,
    replicas: fc.array(safe, { maxLength: 255 }),
    generation: safe,
  }),
  fc.record({ type: fc.constant("replica-lost" as const), group, replica: safe }),
  fc.record({ type: fc.constant("clock" as const), wallMs: safe }),
);

describe("news between nodes", () => {
  test("come back as they went", () => {
    fc.assert(
      fc.property(message, (one) => {
        expect(decodeControl(encodeControl(one))).toEqual(one);
      }),
    );
  });

  test("that are cut short, or have something behind them, are refused", () => {
    fc.assert(
      fc.property(message, fc.nat(), (one, at) => {
        const bytes = encodeControl(one);
        expect(() => decodeControl(bytes.subarray(0, at % bytes.length))).toThrow(DecodeError);
        expect(() => decodeControl(Buffer.concat([bytes, Buffer.from([0])]))).toThrow(DecodeError);
      }),
    );
  });

  test("that were changed on their way are refused, or are what somebody could have written", () => {
    fc.assert(
      fc.property(message, fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 4 }), (one, changes) => {
        const bytes = Uint8Array.from(encodeControl(one));
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        let read: ControlMessage;
        try {
          read = decodeControl(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
          return;
        }
        expect(Buffer.from(encodeControl(read))).toEqual(Buffer.from(bytes));
      }),
      { numRuns: 500 },
    );
  });

  test("any bytes are news or refused, and never an error of another kind", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          decodeControl(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test("the numbers of their kinds are those of the wire", () => {
    const map = foundingOf(1);
    const kinds: ControlMessage[] = [
      { type: "map", map },
      { type: "map-version", version: 1 },
      { type: "settled", group: 1, replicas: [], generation: 1 },
      { type: "replica-lost", group: 1, replica: 1 },
      { type: "clock", wallMs: 1 },
    ];
    expect(kinds.map((one) => encodeControl(one)[0])).toEqual([1, 2, 3, 4, 5]);
  });
});
