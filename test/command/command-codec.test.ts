import { expect, test } from "@jest/globals";

import { ByteReader } from "../../src/base/index.js";
import {
  addressOf,
  isQuery,
  keyOfText,
  operationOf,
  projectOfAddress,
  queueOfAddress,
  readAddress,
  textOfKey,
} from "../../src/command/index.js";
import { address, bytesOf, header, samples } from "./sample-commands.js";

test("every command begins with its operation, header and address", () => {
  for (const command of samples) {
    const bytes = bytesOf(command);
    expect(isQuery(bytes)).toBe(false);
    expect(operationOf(bytes)).toBe(command.op);
    const reader = new ByteReader(bytes, 1);
    expect([reader.u64(), reader.u64(), reader.u64()]).toEqual([header.session, header.sequence, header.lowWater]);
    expect(readAddress(reader, bytes)).toBe(addressOf(address.project, address.queue));
  }
});

test("the layout of a post is fixed: entries in old logs hold it", () => {
  const post = samples.find((command) => command.op === "post");
  expect(post).toBeDefined();
  expect(bytesOf(post as (typeof samples)[number], { session: 1, sequence: 2, lowWater: 1 }).toString("hex")).toBe(
    "04" +
      "0100000000000000" +
      "0200000000000000" +
      "0100000000000000" +
      "030070c3a9" +
      "04006a6f6273" +
      "09".repeat(16) +
      "03000000" +
      "2a000000" +
      "2c01000005000000226f6e6522" +
      "2c010000090000007b2274776f223a327d" +
      "2c010000040000006e756c6c",
  );
});

test("an address comes apart into project and queue, in UTF-8 bytes", () => {
  const key = addressOf("pr\u00fcfung", "a.b");
  expect(textOfKey(projectOfAddress(key))).toBe("pr\u00fcfung");
  expect(textOfKey(queueOfAddress(key))).toBe("a.b");
  expect(addressOf("", "ab")).not.toBe(addressOf("a", "b"));
});

test("keys order as UTF-8 bytes do, not as UTF-16 units do", () => {
  const [astral, late] = ["\u{10000}", "\uffee"].sort();
  expect([astral, late]).toEqual(["\u{10000}", "\uffee"]);
  expect(keyOfText(String(astral)) > keyOfText(String(late))).toBe(true);
});
