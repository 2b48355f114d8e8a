import { afterEach } from "@jest/globals";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

/** Gives out empty folders of their own and removes them after each test of the file. */
export function temporaryFolders(): () => string {
  const made: string[] = [];
  afterEach(() => {
    for (const folder of made.splice(0)) fs.rmSync(folder, { recursive: true, force: true });
  });
  return () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "marconi-test-"));
    made.push(folder);
    return folder;
  };
}
