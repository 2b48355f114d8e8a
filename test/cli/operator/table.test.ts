import { describe, expect, test } from "@jest/globals";
import { bytesText, counted, table } from "../../../src/cli/operator/table.js";

describe("a table", () => {
  test("is aligned, numbers to the right, without blanks at the ends of lines", () => {
    const lines = table(
      [{ title: "node" }, { title: "replicas", isNumber: true }, { title: "is" }],
      [
        ["n1", "9", "up"],
        ["a-long-name", "1234", ""],
      ],
    );
    expect(lines).toEqual(["node         replicas  is", "n1                  9  up", "a-long-name      1234"]);
  });

  test("without rows is its title line", () => {
    expect(table([{ title: "node" }], [])).toEqual(["node"]);
  });
});

test.each([
  [0, "0 B"],
  [1_023, "1023 B"],
  [1_024, "1.0 KiB"],
  [1_572_864, "1.5 MiB"],
  [2 ** 60, "1024.0 PiB"],
])("%d bytes are %s", (bytes, text) => {
  expect(bytesText(bytes)).toBe(text);
});

test("what is counted agrees with its number", () => {
  expect([counted(0, "node"), counted(1, "node"), counted(2, "copy", "copies")]).toEqual([
    "0 nodes",
    "1 node",
    "2 copies",
  ]);
});
