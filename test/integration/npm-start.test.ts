import { expect, test } from "@jest/globals";
import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { isAlive } from "../support/dev-cluster.js";
import { eventually } from "../support/eventually.js";
import { freePorts } from "../support/free-ports.js";
import { temporaryFolders } from "../support/temporary-folder.js";

const newFolder = temporaryFolders();
const root = fileURLToPath(new URL("../..", import.meta.url));

test("npm start passes flags on, and Ctrl-C in its terminal stops everything once and in order", async () => {
  const data = newFolder();
  const port = await freePorts(10);
  const ports = ["--port", String(port), "--base-port", String(port), "--metrics-base-port", String(port + 5)];
  // A process group of its own, as a terminal makes one: Ctrl-C reaches npm, its shell and the cluster at once.
  const child = spawn("npm", ["start", "--", "--nodes", "2", "--data", data, ...ports], { cwd: root, detached: true });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const exit = once(child, "close");
  try {
    await eventually("the cluster serves", () => output.includes("The gateway listens on"), 180_000);
    const lock = fs.readFileSync(path.join(data, "lock.json"), "utf8");
    const { children } = JSON.parse(lock) as { children: { pid: number }[] };
    process.kill(-child.pid!, "SIGINT");
    await exit;
    expect(children).toHaveLength(3);
    expect(children.filter(({ pid }) => isAlive(pid))).toEqual([]);
    expect(output).toMatch(/gateway +stopped\n(n\d +stopped\n){2}all stopped\n/);
    expect(output.match(/stopping, gateway first/g)).toHaveLength(1);
  } finally {
    if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid!, "SIGKILL");
  }
}, 240_000);
