import { describe, expect, test } from "@jest/globals";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { identify, isAlive } from "../../../src/cli/dev/process-identity.js";

describe("a process's identity", () => {
  test("this process is alive", () => {
    expect(isAlive(identify(process.pid))).toBe(true);
  });

  test("a process that has ended is not", async () => {
    const child = spawn(process.execPath, ["-e", "setInterval(() => 0, 1000)"]);
    const identity = identify(child.pid!);
    expect(isAlive(identity)).toBe(true);
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(isAlive(identity)).toBe(false);
  });

  test("another process under the same number is another process", () => {
    const identity = identify(process.pid);
    // Without /proc nothing tells them apart.
    if (identity.started === undefined) return;
    expect(isAlive({ pid: process.pid, started: identity.started - 1 })).toBe(false);
  });
});
