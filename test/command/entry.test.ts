import { expect, test } from "@jest/globals";
import fc from "fast-check";

import { AssertionError, DecodeError } from "../../src/base/index.js";
import { EntryBuilder, EntryReader, entryTimestamp } from "../../src/command/index.js";

function commandsOf(data: Uint8Array): Buffer[] {
  const entry = new EntryReader(data);
  const commands: Buffer[] = [];
  for (let i = 0; i < entry.count; i++) {
    entry.beginCommand();
    commands.push(entry.commandView());
    entry.skipCommand();
    entry.endCommand();
  }
  entry.finish();
  return commands;
}

test("gives back timestamp and commands, and can be used again", () => {
  const builder = new EntryBuilder(16);
  const commands = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 });
  fc.assert(
    fc.property(commands, fc.nat(2 ** 31 - 1), (list, seconds) => {
      builder.begin(seconds * 1_000);
      for (const command of list) builder.add(command);
      expect(builder.count).toBe(list.length);
      const bytes = builder.bytes;
      const data = builder.finish();
      expect(data.length).toBe(bytes);
      expect(builder.bytes).toBe(0);
      expect(entryTimestamp(data)).toBe(seconds * 1_000);
      expect(commandsOf(data).map((command) => command.toString("hex"))).toEqual(
        list.map((command) => Buffer.from(command).toString("hex")),
      );
    }),
  );
});

test("finished entries stay as they are while the next one is built", () => {
  const builder = new EntryBuilder();
  for (const size of [10, 100_000]) {
    builder.begin(1);
    builder.add(Buffer.alloc(size, 1));
    const first = builder.finish();
    const before = Buffer.from(first);
    builder.begin(2);
    builder.add(Buffer.alloc(size, 2));
    builder.finish();
    expect(first.equals(before)).toBe(true);
  }
});

test("refuses other versions, lengths that lie and leftovers", () => {
  const builder = new EntryBuilder();
  builder.begin(5);
  builder.add(Buffer.from("abc"));
  const data = builder.finish();
  const newer = Buffer.from(data);
  newer[0] = 2;
  expect(() => new EntryReader(newer)).toThrow(DecodeError);
  expect(() => entryTimestamp(newer)).toThrow(DecodeError);
  expect(() => commandsOf(data.subarray(0, data.length - 1))).toThrow(DecodeError);
  expect(() => commandsOf(Buffer.concat([data, Buffer.alloc(1)]))).toThrow(DecodeError);
  const entry = new EntryReader(data);
  entry.beginCommand();
  expect(() => {
    entry.endCommand();
  }).toThrow(DecodeError);
});

test("wants begin before add and finish", () => {
  const builder = new EntryBuilder();
  expect(() => {
    builder.add(Buffer.alloc(1));
  }).toThrow(AssertionError);
  expect(() => builder.finish()).toThrow(AssertionError);
});
