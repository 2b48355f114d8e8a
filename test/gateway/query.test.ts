import { describe, expect, test } from "@jest/globals";
import { ApiError } from "../../src/gateway/api-error.js";
import { QueryParameters } from "../../src/gateway/query.js";

const query = (text: string): QueryParameters => new QueryParameters(text);

function refusal(act: () => unknown): { title: string; description: string } {
  try {
    act();
  } catch (error) {
    if (error instanceof ApiError) return { title: error.title, description: error.message };
    throw error;
  }
  throw new Error("was accepted");
}

describe("query parameters (1.5)", () => {
  test("an integer that does not parse is an invalid parameter", () => {
    for (const text of ["x", "1.5", "1e1", "0x10", "5 5", "--5", "NaN", "٣"]) {
      const { title, description } = refusal(() => query(`limit=${encodeURIComponent(text)}`).integer("limit", 1, 20));
      expect(title).toBe("Invalid parameter");
      expect(description).toContain('"limit"');
    }
  });

  test("an integer out of range names the field and the limit, however large it is", () => {
    for (const text of ["0", "-1", "21", "10000000000000000000", "-10000000000000000000", "9".repeat(400)]) {
      const { title, description } = refusal(() => query(`limit=${text}`).integer("limit", 1, 20));
      expect(title).toBe("Invalid API request");
      expect(description).toBe('The "limit" parameter must be at least 1 and no greater than 20.');
    }
  });

  test("the bounds themselves are in range", () => {
    expect(query("limit=1").integer("limit", 1, 20)).toBe(1);
    expect(query("limit=20").integer("limit", 1, 20)).toBe(20);
    expect(query("limit=0020").integer("limit", 1, 20)).toBe(20);
  });

  test("an empty value counts as absent", () => {
    expect(query("limit=&echo=&ids=&marker").integer("limit", 1, 20)).toBeUndefined();
    expect(query("limit=&echo=&ids=&marker").flag("echo")).toBeUndefined();
    expect(query("limit=&echo=&ids=,,&marker").list("ids")).toBeUndefined();
    expect(query("limit=&echo=&ids=&marker").text("marker")).toBeUndefined();
  });

  test("booleans have these spellings and no others", () => {
    for (const text of ["true", "True", "t", "yes", "y", "1", "on"])
      expect(query(`echo=${text}`).flag("echo")).toBe(true);
    for (const text of ["false", "False", "f", "no", "n", "0", "off"])
      expect(query(`echo=${text}`).flag("echo")).toBe(false);
    for (const text of ["TRUE", "FALSE", "T", "2", "maybe"]) {
      expect(refusal(() => query(`echo=${text}`).flag("echo")).title).toBe("Invalid parameter");
    }
  });

  test("lists are comma-separated, in one parameter or several, with or without percent-encoding", () => {
    expect(query("ids=a,b,,c").list("ids")).toEqual(["a", "b", "c"]);
    expect(query("ids=a%2Cb&ids=c").list("ids")).toEqual(["a", "b", "c"]);
  });

  test("repeats of a scalar take one value", () => {
    expect(query("limit=3&limit=5").integer("limit", 1, 20)).toBe(5);
  });

  test("broken encoding and names of object members do no harm", () => {
    expect(query("marker=%zz%ff").text("marker")).toBe("%zz\ufffd");
    expect(query("__proto__=1&constructor=2").text("toString")).toBeUndefined();
    expect(query("").text("toString")).toBeUndefined();
    expect(query("").list("valueOf")).toBeUndefined();
  });
});
