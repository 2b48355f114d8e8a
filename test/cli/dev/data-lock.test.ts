import { describe, expect, test } from "@jest/globals";
import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import path from "node:path";
import { DataLock, lockFileName } from "../../../src/cli/dev/data-lock.js";
import { StartRefusal } from "../../../src/config/index.js";
import { temporaryFolders } from "../../support/temporary-folder.js";

const newFolder = temporaryFolders();
const nobodyWaits = (reason: string): void => {
  throw new Error(`waited: ${reason}`);
};

async function endedPid(): Promise<number> {
  const child = spawn(process.execPath, ["-e", ""]);
  await once(child, "exit");
  return child.pid!;
}

describe("the lock of a data folder", () => {
  test("is held by one, and free again after its release", async () => {
    const folder = path.join(newFolder(), "made", "on", "the", "way");
    const lock = await DataLock.take(folder, nobodyWaits);
    await expect(DataLock.take(folder, nobodyWaits)).rejects.toThrow(StartRefusal);
    await expect(DataLock.take(folder, nobodyWaits)).rejects.toThrow(`in use by the cluster of process ${process.pid}`);
    lock.release();
    (await DataLock.take(folder, nobodyWaits)).release();
    expect(fs.readdirSync(folder)).toEqual([]);
  });

  test("of a process that is gone is taken over", async () => {
    const folder = newFolder();
    const stale = JSON.stringify({ pid: await endedPid(), children: [] });
    fs.writeFileSync(path.join(folder, lockFileName), stale);
    const lock = await DataLock.take(folder, nobodyWaits);
    expect(JSON.parse(fs.readFileSync(path.join(folder, lockFileName), "utf8"))).toMatchObject({ pid: process.pid });
    lock.release();
  });

  test("that was cut off while it was written is taken over", async () => {
    const folder = newFolder();
    fs.writeFileSync(path.join(folder, lockFileName), '{"pi');
    (await DataLock.take(folder, nobodyWaits)).release();
  });

  test("waits for children whose supervisor was killed", async () => {
    const folder = newFolder();
    const child = spawn(process.execPath, ["-e", "setInterval(() => 0, 1000)"]);
    const content = { pid: await endedPid(), children: [{ name: "n1", pid: child.pid }] };
    fs.writeFileSync(path.join(folder, lockFileName), JSON.stringify(content));
    const reasons: string[] = [];
    const taken = DataLock.take(folder, (reason) => {
      reasons.push(reason);
      child.kill("SIGKILL");
    });
    (await taken).release();
    expect(reasons).toEqual([expect.stringContaining(`waiting for n1, process ${child.pid!}`)]);
  });

  test("names the processes of the cluster", async () => {
    const folder = newFolder();
    const lock = await DataLock.take(folder, nobodyWaits);
    lock.setChildren(new Map([["n1", process.pid]]));
    expect(JSON.parse(fs.readFileSync(path.join(folder, lockFileName), "utf8"))).toMatchObject({
      pid: process.pid,
      children: [{ name: "n1", pid: process.pid }],
    });
    lock.release();
    expect(fs.readdirSync(folder)).toEqual([]);
  });
});
