import { describe, expect, test } from "@jest/globals";
import { parseClientId } from "../../src/gateway/client-id.js";

const bytes = Buffer.from("3381af922b9e11e3b19171861300734c", "hex");

describe("a client id (1.2)", () => {
  test.each([
    "3381af92-2b9e-11e3-b191-71861300734c",
    "3381af922b9e11e3b19171861300734c",
    "3381AF92-2B9E-11E3-B191-71861300734C",
    "3381AF922B9E11E3B19171861300734C",
  ])("%s is compared by value", (text) => expect(parseClientId(text)).toEqual(bytes));

  test.each([
    "",
    "null",
    "3381af92-2b9e-11e3-b191-71861300734",
    "3381af92-2b9e-11e3-b191-71861300734cc",
    "3381af922b9e11e3b19171861300734",
    "3381af922b9e11e3b19171861300734cc",
    "3381af92-2b9e-11e3-b19171861300734c",
    "3381af92-2b9e-11e3-b191-71861300734g",
    "{3381af92-2b9e-11e3-b191-71861300734c}",
    "3381af92-2b9e-11e3-b191-71861300734c, 3381af92-2b9e-11e3-b191-71861300734c",
    "3381af92-2b9e-11e3-b191-71861300734c\n",
  ])("%j is none", (text) => expect(parseClientId(text)).toBeUndefined());
});
