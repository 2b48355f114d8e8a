import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { AssertionError, ByteReader, ByteWriter, DecodeError } from "../../src/base/index.js";

type Step =
  | { readonly kind: "u8" | "u16" | "u32" | "u64" | "varint" | "f64"; readonly value: number }
  | { readonly kind: "raw" | "bytes32"; readonly value: Uint8Array }
  | { readonly kind: "text16"; readonly value: string };

const numeric = <K extends "u8" | "u16" | "u32" | "u64" | "varint" | "f64">(kind: K, value: fc.Arbitrary<number>) =>
  fc.record({ kind: fc.constant(kind), value });
const bytes = fc.uint8Array({ maxLength: 700 });
const step: fc.Arbitrary<Step> = fc.oneof(
  numeric("u8", fc.nat({ max: 0xff })),
  numeric("u16", fc.nat({ max: 0xffff })),
  numeric("u32", fc.nat({ max: 0xffffffff })),
  numeric("u64", fc.maxSafeNat()),
  numeric("varint", fc.oneof(fc.nat({ max: 300 }), fc.maxSafeNat())),
  numeric("f64", fc.double()),
  fc.record({ kind: fc.constantFrom("raw" as const, "bytes32" as const), value: bytes }),
  fc.record({ kind: fc.constant("text16" as const), value: fc.string({ unit: "grapheme", maxLength: 50 }) }),
);

function write(out: ByteWriter, { kind, value }: Step): void {
  switch (kind) {
    case "raw":
    case "bytes32":
      out[kind](value);
      break;
    case "text16":
      out.text16(value);
      break;
    default:
      out[kind](value);
  }
}

function read(input: ByteReader, { kind, value }: Step): number | string | Uint8Array {
  if (kind === "raw") return new Uint8Array(input.raw(value.length));
  return kind === "bytes32" ? new Uint8Array(input.bytes32()) : input[kind]();
}

describe("bytes", () => {
  test("what is written comes back, whatever the order and however small the first buffer", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), fc.integer({ min: 1, max: 64 }), (steps, initial) => {
        const out = new ByteWriter(initial);
        for (const one of steps) write(out, one);
        expect(out.copy().equals(out.view())).toBe(true);
        expect(out.length).toBe(out.view().length);
        const input = new ByteReader(out.take());
        expect(steps.map((one) => read(input, one))).toEqual(steps.map((one) => one.value));
        expect(input.remaining).toBe(0);
        input.finish();
      }),
    );
  });

  test("bytes that were taken stay as they are while the writer goes on", () => {
    fc.assert(
      fc.property(fc.array(bytes, { minLength: 2, maxLength: 6 }), (parts) => {
        const out = new ByteWriter(8);
        const taken = parts.map((part) => {
          out.raw(part);
          return out.take();
        });
        expect(taken.map((one) => new Uint8Array(one))).toEqual(parts);
        expect(out.length).toBe(0);
      }),
    );
  });

  test("a large buffer is handed over, not kept", () => {
    const out = new ByteWriter();
    const large = Buffer.alloc(600_000, 7);
    out.raw(large);
    const taken = out.take();
    out.raw(Buffer.from("next"));
    expect(taken.equals(large)).toBe(true);
    expect(out.view().buffer).not.toBe(taken.buffer);
  });

  test("a length is patched where it was left open, and nowhere beyond the end", () => {
    const out = new ByteWriter(1);
    out.u32(0);
    out.text16("body");
    out.patchU32(0, out.length - 4);
    expect(new ByteReader(out.view()).u32()).toBe(6);
    expect(() => {
      out.patchU32(out.length - 3, 1);
    }).toThrow(AssertionError);
  });

  test.each([-1, 0.5, 2 ** 53, Number.NaN])("%p is no u64, nor a varint", (value) => {
    for (const kind of ["u64", "varint"] as const)
      expect(() => {
        new ByteWriter()[kind](value);
      }).toThrow(AssertionError);
  });

  test("numbers are little endian", () => {
    const out = new ByteWriter();
    out.u16(0x0102);
    out.u32(0x01020304);
    out.u64(0x010203040506);
    expect(out.take().toString("hex")).toBe("020104030201" + "0605040302010000");
  });

  test("a varint is as long as its number", () => {
    const lengths = [0, 127, 128, 2 ** 14 - 1, 2 ** 14, 2 ** 35, Number.MAX_SAFE_INTEGER].map((value) => {
      const out = new ByteWriter();
      out.varint(value);
      return out.length;
    });
    expect(lengths).toEqual([1, 1, 2, 2, 3, 6, 8]);
  });
});

describe("reading", () => {
  test("never goes beyond the end, wherever the bytes are cut", () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), fc.nat(), (steps, at) => {
        const out = new ByteWriter();
        for (const one of steps) write(out, one);
        const whole = out.take();
        if (whole.length === 0) return;
        const input = new ByteReader(whole.subarray(0, at % whole.length));
        expect(() => {
          for (const one of steps) read(input, one);
          // Only the empty tail of a `raw` may be missing without a trace.
          throw new DecodeError("read to the end");
        }).toThrow(DecodeError);
      }),
    );
  });

  test("a part of a buffer is read as if there were nothing else", () => {
    const input = new ByteReader(Buffer.from([9, 1, 2, 9]), 1, 3);
    expect(input.remaining).toBe(2);
    expect([input.u8(), input.position]).toEqual([1, 2]);
    expect(() => input.u16()).toThrow(DecodeError);
    expect(() => {
      input.finish();
    }).toThrow("1 bytes left over");
    input.skip(1);
    input.finish();
  });

  test("a u64 that cannot be counted with is refused", () => {
    expect(() => new ByteReader(Buffer.alloc(8, 0xff)).u64()).toThrow("u64 beyond 2^53");
    expect(new ByteReader(Buffer.from("ffffffffffff1f00", "hex")).u64()).toBe(Number.MAX_SAFE_INTEGER);
  });

  test.each(["ffffffffffffff10", "ffffffffffffff7f", "80808080808080808000", "ff".repeat(20)])(
    "a varint that cannot be counted with is refused: %s",
    (hex) => {
      expect(() => new ByteReader(Buffer.from(hex, "hex")).varint()).toThrow("varint beyond 2^53");
    },
  );

  test("views alias what they are read from", () => {
    const bytes = Buffer.from([1, 2, 3]);
    const view = new ByteReader(bytes).raw(2);
    bytes[0] = 8;
    expect(view[0]).toBe(8);
  });
});
