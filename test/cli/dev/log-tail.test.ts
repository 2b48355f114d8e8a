import { beforeEach, describe, expect, test } from "@jest/globals";
import fs from "node:fs";
import path from "node:path";
import { LogTail } from "../../../src/cli/dev/log-tail.js";
import { temporaryFolders } from "../../support/temporary-folder.js";

const newFolder = temporaryFolders();
let file = "";
let warnings: string[] = [];

function open(): LogTail {
  return new LogTail(file, (text) => warnings.push(text));
}

beforeEach(() => {
  file = path.join(newFolder(), "n1.log");
  warnings = [];
});

const line = (level: string, msg: string, more = {}): string => `${JSON.stringify({ level, msg, ...more })}\n`;

describe("following a log", () => {
  test("passes on warnings and worse, from where it began", () => {
    fs.writeFileSync(file, line("warn", "of an earlier run"));
    const tail = open();
    fs.appendFileSync(
      file,
      line("info", "fine") + line("warn", "odd") + line("error", "bad", { err: { message: "why" } }),
    );
    tail.read();
    expect(warnings).toEqual(["odd", "bad: why"]);
  });

  test("takes a line when it is whole", () => {
    const tail = open();
    const text = line("warn", "in two parts");
    fs.writeFileSync(file, text.slice(0, 10));
    tail.read();
    expect(warnings).toEqual([]);
    fs.appendFileSync(file, text.slice(10));
    tail.read();
    expect(warnings).toEqual(["in two parts"]);
  });

  test("a log that was emptied or removed is read from its new beginning", () => {
    const tail = open();
    fs.writeFileSync(file, line("warn", "a long line that will not come back"));
    tail.read();
    fs.writeFileSync(file, line("warn", "short"));
    tail.read();
    fs.rmSync(file);
    tail.read();
    expect(warnings).toEqual(["a long line that will not come back", "short"]);
  });

  test("counts a flood instead of repeating it", () => {
    const tail = open();
    fs.writeFileSync(file, line("warn", "again").repeat(100));
    tail.read();
    expect(warnings).toEqual(["again", "again", "again", "again", "again", "and 95 more"]);
  });
});

describe("last words", () => {
  test("are what a process printed that never came to log", () => {
    const tail = open();
    fs.writeFileSync(file, "file:1\n  throw it\nTypeError: something broke\n    at somewhere\n\nNode.js v20\n");
    tail.read();
    expect(tail.lastWords()).toBe("TypeError: something broke");
  });

  test("are none of a process that logged, since its warnings have been told", () => {
    const tail = open();
    fs.writeFileSync(file, line("info", "fine") + line("fatal", "no space"));
    tail.read();
    expect(tail.lastWords()).toBe("");
    expect(warnings).toEqual(["no space"]);
  });
});
