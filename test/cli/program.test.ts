import { beforeEach, describe, expect, test } from "@jest/globals";
import { type Actions, Program } from "../../src/cli/program.js";
import { metaGroup } from "../../src/cluster/index.js";
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
    operate: async (request, config) => {
      performed.push([request, config]);
      return 1;
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

  const common = { node: ["127.0.0.1:7101"], timeoutMs: 10_000, waitTimeoutMs: 3_600_000, json: false };

  test.each<[string, object]>([
    ["cluster status", { do: "status", partitions: false }],
    ["cluster status --partitions", { do: "status", partitions: true }],
    ["cluster set-replication-factor 5 --wait", { do: "set-replication-factor", copies: 5, wait: true }],
    ["node drain n1", { do: "drain", id: "n1", wait: false }],
    ["node undrain n1", { do: "undrain", id: "n1", wait: false }],
    ["node remove n1 --wait", { do: "remove", id: "n1", wait: true }],
    ["node replace n1 --by n4 --wait", { do: "replace", id: "n1", by: "n4", wait: true }],
    ["partition list", { do: "list" }],
    ["partition move 3 --to n1,n2,n4", { do: "move", group: 3, to: ["n1", "n2", "n4"], wait: false }],
    ["partition move meta --to n1 --to n2 --wait", { do: "move", group: metaGroup, to: ["n1", "n2"], wait: true }],
    ["leader transfer 0", { do: "transfer", group: 0, to: undefined }],
    ["leader transfer meta --to n2", { do: "transfer", group: metaGroup, to: "n2" }],
  ])("%s asks the cluster, and its outcome is the exit code", async (line, request) => {
    expect(await run(line)).toBe(1);
    expect(performed).toEqual([[request, common]]);
  });

  test("an operator's commands take who to ask and how long, from flags and the environment", async () => {
    await run("node drain n1 --node a:1 --node b:2,c:3 --timeout-ms 500 --json --wait --wait-timeout-ms 1000");
    await run("cluster status", { MARCONI_NODE: "d:4", MARCONI_WAIT_TIMEOUT_MS: "2000" });
    expect(performed.map((one) => (one as unknown[])[1])).toEqual([
      { node: ["a:1", "b:2", "c:3"], timeoutMs: 500, waitTimeoutMs: 1_000, json: true },
      { ...common, node: ["d:4"], waitTimeoutMs: 2_000 },
    ]);
  });

  test.each([
    ["node drian n1", "unknown command 'node drian'; there are node drain, node undrain, node remove, node replace"],
    ["node drian n1 --wait", "unknown command 'node drian'"],
    [`${node} drian`, "too many arguments"],
    [`${node} drain n1`, "marconi: --node-id is no flag of marconi node drain"],
    ["node drain", "missing required argument 'id'"],
    ["node drain n1 n2", "too many arguments"],
    ["node drain n1 --node-id n1", "unknown option '--node-id'"],
    ["node undrain n1 --wait", "unknown option '--wait'"],
    ["node replace n1", "required option '--by <id>' not specified"],
    ["cluster", "Usage: marconi cluster"],
    ["cluster stats", "unknown command 'stats'"],
    ["cluster status --node a", 'marconi: --node must be host:port with a port in 1..65535, not "a"'],
    ["cluster status --wait-timeout-ms 5", "unknown option '--wait-timeout-ms'"],
    ["cluster set-replication-factor 9", 'marconi: copies of every message are 1..7, not "9"'],
    ["partition move 3", "required option '--to <id, ...>' not specified"],
    ["partition move 3 --to n1,,n2", "marconi: --to must name nodes, separated by commas"],
    ["partition move three --to n1", 'marconi: a partition is its number, or meta, not "three"'],
    ["leader transfer -1", 'marconi: a partition is its number, or meta, not "-1"'],
  ])("%s is refused with exit code 2 and a word why", async (line, message) => {
    expect(await run(line)).toBe(2);
    expect(terminal.text).toContain(message);
    expect(performed).toEqual([]);
  });

  test("marconi node --help shows its flags and its commands", async () => {
    expect(await run("node --help")).toBe(0);
    for (const word of ["--node-id", "--join", "--replace-data", "drain [options] <id>", "replace [options] <id>"])
      expect(terminal.text).toContain(word);
    expect(await run("node help drain")).toBe(0);
    expect(terminal.text).toContain("Wait until the node holds nothing.");
  });

  test("--version and --help", async () => {
    expect(await run("--version")).toBe(0);
    expect(terminal.lines).toEqual(["1.2.3"]);
    expect(await run("--help")).toBe(0);
    for (const word of ["node", "gateway", "dev", "cluster", "partition", "leader", "config", "Exit codes: 0"])
      expect(terminal.text).toContain(word);
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
