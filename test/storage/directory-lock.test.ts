import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { lockDirectory } from "../../src/storage/directory-lock.js";
import { RealFileSystem } from "../../src/storage/index.js";

let folder: string;
const disk = new RealFileSystem();

beforeEach(async () => {
  folder = await mkdtemp(`${tmpdir()}/lock-`);
});

afterEach(() => rm(folder, { recursive: true }));

test("this process holds it once", async () => {
  const lock = await lockDirectory(disk, `${folder}/lock`);
  await expect(lockDirectory(disk, `${folder}/lock`)).rejects.toThrow(
    new RegExp(`in use by process ${String(process.pid)}`),
  );
  await lock.release();
  expect(await disk.exists(`${folder}/lock`)).toBe(false);
  await (await lockDirectory(disk, `${folder}/lock`)).release();
});

test("a real process that runs is respected, and not after its end", async () => {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
  await once(child, "spawn");
  const lock = await lockDirectory(disk, `${folder}/lock`);
  const own = JSON.parse((await (await disk.open(`${folder}/lock`, "read")).read(1000, 0)).toString()) as {
    boot: string;
  };
  await lock.release();
  const stat = process.platform === "linux" ? await readFile(`/proc/${String(child.pid)}/stat`, "utf8") : "";
  const started = stat === "" ? "running" : stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  await writeFile(`${folder}/lock`, JSON.stringify({ pid: child.pid, boot: own.boot, started }));
  await expect(lockDirectory(disk, `${folder}/lock`)).rejects.toThrow(
    new RegExp(`in use by process ${String(child.pid)}`),
  );
  child.kill("SIGKILL");
  await once(child, "exit");
  await (await lockDirectory(disk, `${folder}/lock`)).release();
});

test("of two that find it dead one wins", async () => {
  await writeFile(`${folder}/lock`, JSON.stringify({ pid: 1, boot: "long ago", started: "x" }));
  const attempts = await Promise.allSettled([
    lockDirectory(disk, `${folder}/lock`),
    lockDirectory(disk, `${folder}/lock`),
  ]);
  expect(attempts.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
});
