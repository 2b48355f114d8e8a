import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "@jest/globals";
import { replay } from "./transcript.js";

const folder = new URL("./transcripts/", import.meta.url);

/**
 * Each file is a story: lines with `>` are commands, those with `#` explain, all others are what the cores did. After an
 * intended change of behaviour: `UPDATE_TRANSCRIPTS=1 npm test -- test/raft/transcript`, and read the difference.
 */
const update = process.env["UPDATE_TRANSCRIPTS"] === "1";

describe("transcripts", () => {
  const files = readdirSync(folder).filter((name) => name.endsWith(".txt"));

  it("exist", () => {
    expect(files.length).toBeGreaterThanOrEqual(7);
  });

  it.each(files)("%s", (name) => {
    const file = new URL(name, folder);
    const written = readFileSync(file, "utf8");
    const happened = replay(written);
    if (update) writeFileSync(file, happened);
    else expect(happened).toBe(written);
  });
});
