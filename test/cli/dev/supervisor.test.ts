import { describe, expect, jest, test } from "@jest/globals";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { openCluster } from "../../../src/cli/dev/cluster-file.js";
import { type ClusterPlan, planCluster } from "../../../src/cli/dev/cluster-plan.js";
import { Supervisor } from "../../../src/cli/dev/supervisor.js";
import { devSchema, resolve } from "../../../src/config/index.js";
import { isAlive } from "../../support/dev-cluster.js";
import { eventually } from "../../support/eventually.js";
import { freePorts } from "../../support/free-ports.js";
import { RecordingTerminal } from "../../support/recording-terminal.js";
import { temporaryFolders } from "../../support/temporary-folder.js";

// Every test starts processes; a busy machine takes its time.
jest.setTimeout(30_000);

const newFolder = temporaryFolders();
const entry = fileURLToPath(new URL("../../support/stand-in-main.mjs", import.meta.url));

interface Running {
  readonly terminal: RecordingTerminal;
  readonly plan: ClusterPlan;
  readonly stop: AbortController;
  readonly kill: AbortController;
  readonly done: Promise<number>;
  readonly pids: () => ReadonlyMap<string, number>;
  readonly wasReady: () => boolean;
}

/** @param manners of the stand-ins, by name; `former` are those that were removed from the cluster */
async function start(manners: Readonly<Record<string, string>> = {}, former: readonly string[] = []): Promise<Running> {
  const folder = newFolder();
  const port = await freePorts(10);
  const flags = { nodes: "2", port: String(port), basePort: String(port), metricsBasePort: String(port + 5) };
  const { config, sources } = resolve(devSchema, flags, {});
  const planned = planCluster(folder, openCluster(folder, config, sources), config);
  const mannered = (plan: ClusterPlan["gateway"]) => {
    const manner = manners[plan.name];
    const extra = manner === undefined ? {} : { [`STAND_IN_${plan.name.toUpperCase()}`]: manner };
    return { ...plan, environment: { ...plan.environment, ...extra } };
  };
  const plan = { ...planned, nodes: planned.nodes.map(mannered), gateway: mannered(planned.gateway) };
  const terminal = new RecordingTerminal();
  const [stop, kill] = [new AbortController(), new AbortController()];
  let pids: ReadonlyMap<string, number> = new Map();
  let ready = false;
  const supervisor = new Supervisor({
    plan,
    entry,
    terminal,
    onProcesses: (now) => (pids = now),
    isFormer: async (name) => former.includes(name),
    stop: stop.signal,
    kill: kill.signal,
  });
  const done = supervisor.run(() => (ready = true));
  return { terminal, plan, stop, kill, done, pids: () => pids, wasReady: () => ready };
}

describe("the supervisor of a local cluster", () => {
  test("starts everything, tells its state, and stops it in order", async () => {
    const { terminal, stop, done, pids, wasReady } = await start();
    await eventually("everything is ready", wasReady);
    expect(terminal.text).toMatch(/n1 +ready after [\d.]+ s\n/);
    expect(terminal.text).toMatch(/leaders +n1 6, n2 6 of 12 partitions/);
    const all = [...pids().values()];
    expect([...pids().keys()].sort()).toEqual(["gateway", "n1", "n2"]);
    stop.abort();
    expect(await done).toBe(0);
    expect(all.filter(isAlive)).toEqual([]);
    const stops = terminal.lines.filter((line) => line.endsWith("stopped"));
    expect(stops[0]).toMatch(/^gateway/);
    expect(stops).toHaveLength(3);
    expect(pids().size).toBe(0);
  });

  test("starts again what dies, and says why it died", async () => {
    const { terminal, stop, done, pids, wasReady } = await start();
    await eventually("everything is ready", wasReady);
    const victim = pids().get("n2")!;
    process.kill(victim, "SIGKILL");
    await eventually("the death is told", () => /n2 +died \(SIGKILL\); starts again in 0.5 s/.test(terminal.text));
    await eventually("it is ready again", () => terminal.text.match(/n2 +ready/g)?.length === 2);
    expect(pids().get("n2")).not.toBe(victim);
    stop.abort();
    expect(await done).toBe(0);
  });

  test("passes warnings on", async () => {
    const { terminal, plan, stop, done, wasReady } = await start();
    await eventually("everything is ready", wasReady);
    await fetch(plan.nodes[0]!.readyUrl.replace("/ready", "/warn"));
    await eventually("the warning is told", () => /n1 +the disk is nearly full/.test(terminal.text));
    stop.abort();
    await done;
  });

  test("gives up when a process refuses to start, and leaves nothing behind", async () => {
    const { terminal, done, pids } = await start({ n2: "refuse" });
    expect(await done).toBe(1);
    expect(terminal.text).toMatch(
      /n2 +the data folder is of another cluster\nn2 +did not start \(exit code 3\); its log is/,
    );
    expect(pids().size).toBe(0);
  });

  test("does not miss a node that was removed, whether it refuses to start or dies", async () => {
    const former: string[] = ["n2"];
    const { terminal, stop, done, pids, wasReady } = await start({ n2: "refuse" }, former);
    await eventually("the others are ready", wasReady);
    expect(terminal.text).toMatch(/n2 +was removed from the cluster and is not started any more\n/);
    expect(terminal.text).toMatch(/leaders +n1 6 of 12 partitions/);
    former.push("n1");
    process.kill(pids().get("n1")!, "SIGKILL");
    await eventually("its removal is told", () => /n1 +was removed/.test(terminal.text));
    expect([...pids().keys()]).toEqual(["gateway"]);
    stop.abort();
    expect(await done).toBe(0);
  });

  test("names the error of a process that breaks at once", async () => {
    const { terminal, done } = await start({ n1: "crash" });
    expect(await done).toBe(1);
    expect(terminal.text).toMatch(/n1 +did not start \(exit code 1: Error: something broke\)/);
  });

  test("ends at once what does not stop, when there is no time for order", async () => {
    const { stop, kill, done, pids, wasReady } = await start({ n1: "stubborn" });
    await eventually("everything is ready", wasReady);
    const all = [...pids().values()];
    stop.abort();
    await eventually("only the stubborn one is left", () => [...pids().keys()].join() === "n1");
    kill.abort();
    expect(await done).toBe(0);
    expect(all.filter(isAlive)).toEqual([]);
  });

  test("stops while things are starting", async () => {
    const { stop, done, pids } = await start({ n1: "mute" });
    await eventually("all have been started", () => pids().size === 3);
    stop.abort();
    expect(await done).toBe(0);
    expect(pids().size).toBe(0);
  });

  test("keeps the logs", async () => {
    const { plan, stop, done, wasReady } = await start();
    await eventually("everything is ready", wasReady);
    stop.abort();
    await done;
    expect(path.basename(plan.gateway.logFile)).toBe("gateway.log");
    expect(fs.readFileSync(plan.nodes[0]!.logFile, "utf8")).toContain("n1 stops");
  });
});
