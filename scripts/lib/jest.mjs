// Runs jest and tells how many tests passed and failed.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { runTool } from "./run.mjs";

export const suites = {
  unit: ["--testPathIgnorePatterns", "<rootDir>/test/integration/"],
  // Whole clusters on real ports: one at a time.
  integration: ["--runInBand", "test/integration/"],
};

/** Counts are zero passed and one failed where jest itself did not come to an end. */
export async function runJest(args, options = {}) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "marconi-counts-"));
  const file = path.join(folder, "counts.json");
  try {
    const { code, output } = await runTool("jest/bin/jest.js", ["--passWithNoTests", ...args], {
      ...options,
      env: {
        NODE_OPTIONS: "--experimental-vm-modules --disable-warning=ExperimentalWarning",
        JEST_COUNTS_FILE: file,
      },
    });
    const counts = fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, "utf8")) : { passed: 0, failed: 0 };
    if (code !== 0 && counts.failed === 0) counts.failed = 1;
    return { ...counts, output };
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}
