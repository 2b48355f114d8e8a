// Two preparations at once would write the same files: the second waits for the first.
import fs from "node:fs";
import path from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { root } from "./run.mjs";

const lock = path.join(root, ".cache/prepare.lock");
const WAIT_MS_MAX = 10 * 60_000;

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

function tryTake() {
  try {
    fs.writeFileSync(lock, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
  }
  const holder = Number(fs.readFileSync(lock, "utf8"));
  // A holder that was killed leaves its file behind. A file without a number yet is being written at this moment.
  if (holder > 0 && !isAlive(holder)) fs.rmSync(lock, { force: true });
  return false;
}

export async function exclusively(work) {
  fs.mkdirSync(path.dirname(lock), { recursive: true });
  const sinceMs = performance.now();
  let said = false;
  while (!tryTake()) {
    if (performance.now() - sinceMs > WAIT_MS_MAX)
      throw new Error(`another preparation holds ${lock}; remove the file if none runs`);
    if (!said && performance.now() - sinceMs > 1_000) {
      process.stdout.write("waiting for another preparation of this folder\n");
      said = true;
    }
    await sleep(200);
  }
  try {
    return await work();
  } finally {
    fs.rmSync(lock, { force: true });
  }
}
