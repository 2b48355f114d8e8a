import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { ApiError } from "../../src/gateway/api-error.js";
import { checkDocument } from "../../src/gateway/json-document.js";
import { integerAt, JsonScanner, MemberSlots } from "../../src/gateway/json-scanner.js";

/** Every element of an array as `{ttl, body}` slices of text. */
function slices(text: string): { ttl: string | undefined; body: string | undefined }[] {
  const bytes = Buffer.from(text);
  expect(checkDocument(bytes)).toBe("array");
  const scanner = new JsonScanner(bytes, 512);
  const slots = new MemberSlots(["ttl", "body"]);
  const slice = (slot: number): string | undefined =>
    slots.has(slot) ? bytes.toString("utf8", slots.start(slot), slots.end(slot)) : undefined;
  const found: { ttl: string | undefined; body: string | undefined }[] = [];
  if (!scanner.firstElement()) return found;
  do {
    expect(scanner.atObject()).toBe(true);
    scanner.readObject(slots);
    found.push({ ttl: slice(0), body: slice(1) });
  } while (scanner.nextElement());
  return found;
}

describe("slices of a document", () => {
  test.each([
    "9007199254740993",
    "1.0",
    "-0",
    "1E400",
    "1e-7",
    '"\\u0041\\/\\"\\\\"',
    '"ü🙂"',
    "null",
    "true",
    "[]",
    "{}",
    '{ "a" : [ 1 , { "ttl" : 5 } ] }',
    '[1,\n\t[2.50 ,"]}"]]',
    `"${"\\\\".repeat(100)}"`,
    `"${"x".repeat(100)}\\\\"`,
    `"${"x".repeat(100)}\\""`,
    `"${'\\"'.repeat(100)}${"x".repeat(50)}\\\\\\""`,
  ])("keep %s byte for byte", (body) => {
    expect(slices(`[{"ttl":60,"body":${body}}]`)).toEqual([{ ttl: "60", body }]);
    expect(slices(` [ { "body" : ${body}\r\n, "x" : ${body} , "ttl" : 60 } ] `)).toEqual([{ ttl: "60", body }]);
  });

  test("of repeated names take the last, of escaped names the meaning", () => {
    expect(slices('[{"ttl":1,"ttl":2,"body":3,"\\u0062ody":4}]')).toEqual([{ ttl: "2", body: "4" }]);
    expect(slices('[{"\\u0074\\u0074\\u006c":60,"b\\"ody":1,"bodyx":2,"bod":3}]')).toEqual([
      { ttl: "60", body: undefined },
    ]);
  });

  test("of nested objects are not taken for those of the message", () => {
    expect(slices('[{"a":{"ttl":1,"body":2}},{"ttl":3}]')).toEqual([
      { ttl: undefined, body: undefined },
      { ttl: "3", body: undefined },
    ]);
  });

  test("of an empty array are none, of an empty object nothing", () => {
    expect(slices(" [ ] ")).toEqual([]);
    expect(slices("[{ }]")).toEqual([{ ttl: undefined, body: undefined }]);
  });

  test("agree with JSON.parse on any document", () => {
    const spacing = fc.constantFrom(undefined, 1, "\t");
    const messages = fc.array(fc.record({ ttl: fc.integer(), body: fc.jsonValue(), other: fc.jsonValue() }));
    fc.assert(
      fc.property(messages, spacing, (all, indent) => {
        const text = JSON.stringify(all, null, indent);
        // Larger integers are refused, which has its own test.
        fc.pre(!/[0-9]{19}/.test(text));
        const found = slices(text);
        expect(found.map(({ ttl, body }) => ({ ttl: JSON.parse(ttl ?? ""), body: JSON.parse(body ?? "") }))).toEqual(
          JSON.parse(JSON.stringify(all.map(({ ttl, body }) => ({ ttl, body })))),
        );
      }),
      { numRuns: 500 },
    );
  });

  test("agree with JSON.parse on strings full of quotes and backslashes", () => {
    const nasty = fc.string({
      unit: fc.constantFrom('"', "\\", "x", "xxxxxxxxxxxxxxxxxxxxxxxx", "]", "\u0001", "ü"),
      maxLength: 60,
    });
    fc.assert(
      fc.property(nasty, (text) => {
        expect(slices(JSON.stringify([{ ttl: 1, body: text, [text]: text }]))[0]?.body).toBe(JSON.stringify(text));
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("a document", () => {
  const refusal = (bytes: Buffer): string => {
    try {
      checkDocument(bytes);
      new JsonScanner(bytes, 512).readWhole();
    } catch (error) {
      if (error instanceof ApiError && error.status === 400) return error.message;
      throw error;
    }
    return "accepted";
  };

  test.each([
    ["", "empty"],
    ["   ", "not JSON"],
    ['"text"', "object or array"],
    ["5", "object or array"],
    ["null", "object or array"],
    ["[1,]", "not JSON"],
    ["{'a':1}", "not JSON"],
    ["[NaN]", "not JSON"],
    ["[1] [2]", "not JSON"],
    ["[01]", "not JSON"],
    ["\ufeff[1]", "not JSON"],
    ["[1\u00a0]", "not JSON"],
    ['["a\nb"]', "not JSON"],
  ])("%j is refused", (text, why) => expect(refusal(Buffer.from(text))).toContain(why));

  test("that is not UTF-8 is refused, also inside strings", () => {
    for (const hex of ["ff", "5b22ff225d", "5b22c3225d", "5b22eda080225d", "5b22f4908080225d"]) {
      expect(refusal(Buffer.from(hex, "hex"))).toContain("UTF-8");
    }
  });

  test("may hold integers of signed 64 bits and no larger ones (1.4)", () => {
    const fine = [
      "9223372036854775807",
      "-9223372036854775808",
      "999999999999999999",
      "0.92233720368547758089",
      "1e300",
      "10000000000000000000.0",
    ];
    for (const number of fine) expect(refusal(Buffer.from(`{"a":[${number}]}`))).toBe("accepted");
    const tooLarge = ["9223372036854775808", "-9223372036854775809", "10000000000000000000", "9".repeat(300)];
    for (const number of tooLarge) expect(refusal(Buffer.from(`{"a":[1,${number}]}`))).toContain("9223372036854775807");
  });

  test("is refused when nested deeper than the bound, without a deep stack", () => {
    const nested = (depth: number): Buffer => Buffer.from("[".repeat(depth) + "]".repeat(depth));
    expect(refusal(nested(500))).toBe("accepted");
    for (const depth of [513, 100_000, 131_072]) expect(refusal(nested(depth))).toContain("512 levels");
    expect(refusal(Buffer.from('{"a":'.repeat(40_000) + "1" + "}".repeat(40_000)))).toContain("512 levels");
  });
});

describe("an integer in a document", () => {
  const read = (text: string): number | undefined => integerAt(Buffer.from(text), 0, text.length);

  test("is digits alone; true and false are 1 and 0 (1.4)", () => {
    expect(read("300")).toBe(300);
    expect(read("-5")).toBe(-5);
    expect(read("0")).toBe(0);
    expect(read("true")).toBe(1);
    expect(read("false")).toBe(0);
    for (const text of ["300.0", '"300"', "3e2", "null", "[]", "{}", "300.5", "1E2"])
      expect(read(text)).toBeUndefined();
  });
});
