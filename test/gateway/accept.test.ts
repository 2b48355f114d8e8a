import { describe, expect, test } from "@jest/globals";
import { admits } from "../../src/gateway/accept.js";

describe("an Accept header", () => {
  test.each([
    undefined,
    "",
    "*/*",
    "*",
    "application/json",
    "Application/JSON",
    "application/*",
    "application/json; charset=utf-8",
    "application/json;q=0.1",
    "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2",
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
    "application/xml;q=1.0, application/json;q=0.5",
    "application/json, */*;q=0",
  ])("%j admits JSON", (accept) => expect(admits(accept, "application/json")).toBe(true));

  test.each([
    "text/plain",
    "plain/text",
    "text/*",
    "application/xml",
    "application/json-home",
    "application/json;q=0",
    "*/*;q=0",
    "*/*, application/json;q=0",
    "application/json;q=nonsense",
    "json",
    ",",
    ";;;",
  ])("%j does not", (accept) => expect(admits(accept, "application/json")).toBe(false));
});
