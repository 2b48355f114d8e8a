import { beforeEach, describe, expect, test } from "@jest/globals";
import { EventEmitter } from "node:events";
import fs from "node:fs";
import path from "node:path";
import { type CliOptions, type ProcessLog, runCli } from "../../src/cli/run-cli.js";
import { clusterId, StandInNode } from "../admin/stand-in-node.js";
import { RecordingTerminal } from "../support/recording-terminal.js";
import { temporaryFolders } from "../support/temporary-folder.js";

const newFolder = temporaryFolders();

class Process extends EventEmitter {
  readonly connected = false;
  readonly exits: number[] = [];

  exit(code: number): void {
    this.exits.push(code);
  }
}

let world = new Process();
let lines: string[] = [];

function cli(line: string, more: Partial<CliOptions<ProcessLog>> = {}) {
  const stoppable = { stop: () => Promise.resolve() };
  return runCli(line.split(" "), {
    version: "1.2.3",
    entry: "main.js",
    environment: {},
    terminal: new RecordingTerminal(),
    process: world,
    openLog: (name, level) => ({
      info: (_fields, message) => lines.push(`${name} at ${level}: ${message}`),
      fatal: (fields, message) => lines.push(`${name} at ${level}: ${message} ${Object.keys(fields).join()}`),
    }),
    runNode: () => Promise.resolve(stoppable),
    runGateway: () => Promise.resolve(stoppable),
    reference: () => new Map(),
    ...more,
  });
}

beforeEach(() => {
  world = new Process();
  lines = [];
});

const node =
  "node --node-id n1 --cluster-id 4f2c1a52-6f0e-4a0e-9d5a-0c7a3a1f7f11 --data-dir d --members n1=a:1 --replication-factor 1";

describe("marconi", () => {
  test("node starts a node with its configuration and log, and goes on until it is told to stop", async () => {
    const started: unknown[] = [];
    const runNode: CliOptions<ProcessLog>["runNode"] = async (config, { log }) => {
      started.push(config.nodeId, config.dataDir);
      log.info({}, "hello");
      return { stop: () => Promise.resolve() };
    };
    expect(await cli(`${node} --log-level debug`, { runNode })).toBeUndefined();
    expect(started).toEqual(["n1", "d"]);
    world.emit("SIGTERM");
    await new Promise(setImmediate);
    expect(world.exits).toEqual([0]);
    expect(lines).toEqual([
      "node n1 at debug: hello",
      "node n1 at debug: node n1 stops, asked by SIGTERM",
      "node n1 at debug: node n1 stopped",
    ]);
  });

  test("gateway ends at once on an error that must not be survived", async () => {
    let fatal: (error: Error) => void = () => undefined;
    const runGateway: CliOptions<ProcessLog>["runGateway"] = async (_config, context) => {
      fatal = (error) => context.fatal(error);
      return { stop: () => Promise.resolve() };
    };
    await cli("gateway --nodes a:1", { runGateway });
    fatal(new Error("broken"));
    expect(world.exits).toEqual([1]);
    expect(lines).toEqual(["gateway at info: gateway: fatal error err"]);
  });

  test("an operator's command asks real nodes", async () => {
    const stand = await new StandInNode("n1").listen();
    try {
      const terminal = new RecordingTerminal();
      expect(await cli(`cluster status --node ${stand.address}`, { terminal })).toBe(1);
      expect(terminal.lines[0]).toBe(`cluster ${clusterId}, version 1 of its map`);
      expect(terminal.lines.at(-1)).toMatch(/^not healthy: .*n1 is down; n2 is down; n3 is down/);
      stand.changes = [{ case: "refused", value: "node n3 is the last active one" }];
      expect(await cli(`node drain n3 --node ${stand.address}`, { terminal })).toBe(3);
      expect(terminal.lines.at(-1)).toBe("marconi: node n3 is the last active one");
      expect(stand.commands).toEqual([{ op: "set-node-state", seat: 3, state: "draining", successor: 0 }]);
    } finally {
      stand.stop();
    }
    const terminal = new RecordingTerminal();
    expect(await cli(`cluster status --node ${stand.address}`, { terminal })).toBe(1);
    // What `| head` does to whoever goes on writing.
    expect(() => process.stdout.emit("error", new Error("write EPIPE"))).not.toThrow();
    expect(terminal.lines).toEqual([`marconi: no node answers: ${stand.address} cannot be connected to`]);
  });

  test("docs writes every page", async () => {
    const folder = newFolder();
    expect(await cli(`docs ${folder}`, { reference: () => new Map([["errors.md", "# Errors\n"]]) })).toBe(0);
    expect(fs.readFileSync(path.join(folder, "errors.md"), "utf8")).toBe("# Errors\n");
  });
});
