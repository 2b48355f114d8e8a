import fs from "node:fs";
import os from "node:os";
import path from "node:path";

export interface RunFolder {
  readonly path: string;
  /** What is in it is looked at afterwards: it stays. */
  keep(): void;
}

/**
 * A folder of its own for a run, under `parent` or where temporary files go. It is removed when this process ends, by a signal
 * too, unless it is kept; clusters are killed before that.
 */
export function runFolder(prefix: string, parent: string | undefined): RunFolder {
  const folder = fs.mkdtempSync(path.join(parent ?? os.tmpdir(), prefix));
  let kept = false;
  process.once("exit", () => {
    // Processes that were killed just now may still be closing their files.
    if (!kept) fs.rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
  return {
    path: folder,
    keep: () => {
      kept = true;
    },
  };
}
