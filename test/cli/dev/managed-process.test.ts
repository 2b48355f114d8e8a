import { describe, expect, test } from "@jest/globals";
import fs from "node:fs";
import path from "node:path";
import { ManagedProcess } from "../../../src/cli/dev/managed-process.js";
import { eventually } from "../../support/eventually.js";
import { temporaryFolders } from "../../support/temporary-folder.js";

const newFolder = temporaryFolders();

function start(script: string): { run: ManagedProcess; log: () => string } {
  const folder = newFolder();
  const entry = path.join(folder, "main.cjs");
  const logFile = path.join(folder, "log");
  fs.writeFileSync(entry, script);
  const plan = {
    name: "it",
    nodeArgs: [],
    args: ["a", "b"],
    environment: { COLOUR: "red" },
    logFile,
    readyUrl: "",
    metricsUrl: "",
  };
  return { run: new ManagedProcess(plan, entry), log: () => fs.readFileSync(logFile, "utf8") };
}

describe("a managed process", () => {
  test("gets its arguments and environment, and writes into its log", async () => {
    const { run, log } = start("console.log(process.argv.slice(2).join(), process.env.COLOUR); console.error('oh')");
    expect(await run.ended).toMatchObject({ how: "exit code 0", code: 0 });
    expect(log()).toBe("a,b red\noh\n");
  });

  test("stops in order when asked", async () => {
    const { run, log } = start(
      "process.on('SIGTERM', () => process.exit(0)); setInterval(() => 0, 1000); console.log('up')",
    );
    await eventually("the process runs", () => log() === "up\n");
    expect(await run.stop(5_000)).toBe(true);
    expect((await run.ended).code).toBe(0);
    expect(await run.stop(5_000)).toBe(true);
  });

  test("is killed when it does not", async () => {
    const { run, log } = start("process.on('SIGTERM', () => 0); setInterval(() => 0, 1000); console.log('up')");
    await eventually("the process runs", () => log() === "up\n");
    expect(await run.stop(100)).toBe(false);
    expect(await run.ended).toMatchObject({ how: "SIGKILL", code: undefined });
  });

  test("a log that has grown large is set aside", async () => {
    const folder = newFolder();
    const logFile = path.join(folder, "log");
    fs.writeFileSync(logFile, Buffer.alloc(17 * 1024 * 1024));
    const plan = { name: "it", nodeArgs: ["-p"], args: [], environment: {}, logFile, readyUrl: "", metricsUrl: "" };
    await new ManagedProcess(plan, "1 + 1").ended;
    expect(fs.readFileSync(logFile, "utf8")).toBe("2\n");
    expect(fs.statSync(`${logFile}.old`).size).toBe(17 * 1024 * 1024);
  });
});
