import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { addressShape } from "../../src/config/address.js";
import { choice, flag, FormError, integer, list, text } from "../../src/config/setting.js";

const port = integer({ doc: "a port", min: 1, max: 65_535, fallback: 80 });

describe("integer", () => {
  test("takes every number in its bounds and writes it back", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 65_535 }), (value) => {
        expect(port.parse(port.format(value))).toBe(value);
      }),
    );
  });

  test.each(["", " ", "0", "65536", "-1", "1.5", "1e3", "0x10", "12 ", "twelve", "9".repeat(400)])(
    "refuses %j",
    (value) => {
      expect(() => port.parse(value)).toThrow(FormError);
      expect(() => port.parse(value)).toThrow("must be a whole number in 1..65535");
    },
  );
});

describe("text", () => {
  const word = text({ doc: "a word", form: "lower-case letters", pattern: /^[a-z]+$/ });

  test("takes what matches and names what does not", () => {
    expect(word.parse("abc")).toBe("abc");
    expect(() => word.parse("Abc")).toThrow('must be lower-case letters, not "Abc"');
  });
});

describe("choice", () => {
  const level = choice({ doc: "a level", among: ["info", "warn"], fallback: "info" });

  test("takes one of its words only", () => {
    expect(level.parse("warn")).toBe("warn");
    expect(() => level.parse("WARN")).toThrow("must be one of info | warn");
  });
});

describe("flag", () => {
  const reset = flag({ doc: "reset" });

  test("is off unless given", () => {
    expect(reset.fallback).toBe(false);
    expect(reset.isSwitch).toBe(true);
    expect(["true", "1", "false", "0"].map((value) => reset.parse(value))).toEqual([true, true, false, false]);
    expect(() => reset.parse("yes")).toThrow("must be true or false");
  });
});

describe("list", () => {
  const addresses = list({ doc: "addresses", of: addressShape });

  test("is known as one, so that its flag may be repeated", () => {
    expect([addresses.isList, port.isList]).toEqual([true, false]);
  });

  test("splits at commas and lets blanks be", () => {
    expect(addresses.parse("a:1, b:2")).toEqual(["a:1", "b:2"]);
    expect(addresses.format(["a:1", "b:2"])).toBe("a:1,b:2");
  });

  test.each(["", "  ", "a:1,", ",a:1", "a"])("refuses %j", (value) => {
    expect(() => addresses.parse(value)).toThrow(FormError);
  });
});
