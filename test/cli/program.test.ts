import { beforeEach, describe, expect, test } from "@jest/globals";
import { type Actions, Program } from "../../src/cli/program.js";
import type { Environment } from "../../src/config/index.js";
import { RecordingTerminal } from "../support/recording-terminal.js";

let terminal = new RecordingTerminal();
let performed: unknown[] = [];

beforeEach(() => {
  terminal = new RecordingTerminal();
  performed = [];
});

function run(line: string, environment: Environment = {}) {
  const actions: Actions = {
    node: async (config) => {
      performed.push(["node", config.nodeId, config.tickMs]);
      return undefined;
    },
    gateway: async (config) => {
      performed.push(["gateway", config.nodes]);
      return undefined;
    },
    dev: async ({ config, sources }) => {
      performed.push(["dev", config.nodes, sources.nodes, config.reset]);
      return 3;
    },
    docs: async (folder) => {
      performed.push(["docs", folder]);
      return 0;
    },
  };
  const program = new Program({ version: "1.2.3", actions, environment, terminal });
  return program.run(line.split(" ").filter((word) => word !== ""));
}

const node =
  "node --node-id n1 --cluster-id 4f2c1a52-6f0e-4a0e-9d5a-0c7a3a1f7f11 --data-dir d --members n1=a:1 --replication-factor 1";

describe("the command line", () => {
  test("a command gets its resolved configuration, and its outcome is the exit code", async () => {
    expect(await run(`${node} --tick-ms 20`)).toBeUndefined();
    expect(await run("gateway --nodes a:1,b:2")).toBeUndefined();
    expect(await run("dev --nodes 5 --reset")).toBe(3);
    expect(performed).toEqual([
      ["node", "n1", 20],
      ["gateway", ["a:1", "b:2"]],
      ["dev", 5, "flag", true],
    ]);
  });

  test("a list may be given in one flag or in several", async () => {
    await run("gateway --nodes a:1,b:2 --nodes c:3");
    expect(performed).toEqual([["gateway", ["a:1", "b:2", "c:3"]]]);
  });

  test("the environment counts too", async () => {
    await run(node, { MARCONI_TICK_MS: "30" });
    await run("dev", { MARCONI_DEV_NODES: "2" });
    expect(performed).toEqual([
      ["node", "n1", 30],
      ["dev", 2, "environment", false],
    ]);
  });

  test.each([
    ["dev --node 3", "unknown option '--node'"],
    ["dev --nodes", "argument missing"],
    ["dev --nodes three", 'marconi: --nodes must be a whole number in 1..15, not "three"'],
    ["dev more", "too many arguments"],
    ["gateway", "marconi: --nodes is missing (host:port, ...)"],
    ["serve", "unknown command 'serve'"],
  ])("%s is refused with exit code 2", async (line, message) => {
    expect(await run(line)).toBe(2);
    expect(terminal.text).toContain(message);
    expect(performed).toEqual([]);
  });

  test("a misspelt variable of the environment is refused", async () => {
    expect(await run("dev", { MARCONI_DEV_NODE: "3" })).toBe(2);
    expect(terminal.text).toBe("marconi: the environment variable MARCONI_DEV_NODE is not a setting of Marconi");
  });

  test("--version and --help", async () => {
    expect(await run("--version")).toBe(0);
    expect(terminal.lines).toEqual(["1.2.3"]);
    expect(await run("--help")).toBe(0);
    for (const word of ["node", "gateway", "dev", "config", "Exit codes: 0"]) expect(terminal.text).toContain(word);
    expect(terminal.text).not.toContain("docs");
    expect(await run("dev --help")).toBe(0);
    expect(terminal.text).toContain("--replication-factor");
  });

  test("without a command there is help, and it is an error", async () => {
    expect(await run("")).toBe(2);
    expect(terminal.text).toContain("Usage: marconi");
  });

  test("config shows what a command would run with", async () => {
    expect(await run("config dev --nodes 5", { MARCONI_DEV_PORT: "80" })).toBe(0);
    expect(terminal.text).toMatch(/^nodes +5 +flag$/m);
    expect(terminal.text).toMatch(/^port +80 +environment$/m);
    expect(terminal.text).toMatch(/^reset +false +default$/m);
  });

  test("docs writes the reference", async () => {
    expect(await run("docs folder")).toBe(0);
    expect(performed).toEqual([["docs", "folder"]]);
  });
});
