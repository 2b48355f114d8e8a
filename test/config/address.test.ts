import { describe, expect, test } from "@jest/globals";
import { memberShape, nodeId, optionalAddress, parseAddress } from "../../src/config/address.js";

describe("an address", () => {
  test.each([
    ["127.0.0.1:7101", { host: "127.0.0.1", port: 7101 }],
    ["marconi-0.marconi.svc:1", { host: "marconi-0.marconi.svc", port: 1 }],
    ["[::1]:65535", { host: "::1", port: 65_535 }],
  ])("%s", (value, expected) => {
    expect(parseAddress(value)).toEqual(expected);
  });

  test.each(["", "localhost", ":80", "a:0", "a:65536", "a:b", "::1:80", "a b:1", "http://a:1", "a:1/x", "-a:1"])(
    "refuses %j",
    (value) => {
      expect(() => parseAddress(value)).toThrow("must be host:port");
    },
  );
});

test("an address that may be left out is then an empty text", () => {
  const advertise = optionalAddress({ doc: "where it is reached" });
  expect([advertise.fallback, advertise.parse(""), advertise.parse("a:1")]).toEqual(["", "", "a:1"]);
  expect(() => advertise.parse("a")).toThrow("must be host:port");
});

describe("a member", () => {
  test("is an id and an address", () => {
    const member = memberShape.parse("n1=127.0.0.1:7101");
    expect(member).toEqual({ id: "n1", address: "127.0.0.1:7101" });
    expect(memberShape.format(member)).toBe("n1=127.0.0.1:7101");
  });

  test.each(["127.0.0.1:7101", "=a:1", "N1=a:1", "n1=a", "n1", "-n=a:1"])("refuses %j", (value) => {
    expect(() => memberShape.parse(value)).toThrow("must");
  });
});

describe("a node id", () => {
  const id = nodeId({ doc: "its name" });

  test.each(["n1", "a", "marconi-0", "0"])("takes %s", (value) => {
    expect(id.parse(value)).toBe(value);
  });

  test.each(["", "N1", "a_b", "-a", "a-", "../etc", "a".repeat(64)])("refuses %j", (value) => {
    expect(() => id.parse(value)).toThrow("must be 1..63");
  });
});
