import { describe, expect, jest, test } from "@jest/globals";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { invitation, runDev } from "../../../src/cli/dev/dev-command.js";
import { devSchema, type Flags, resolve } from "../../../src/config/index.js";
import { eventually } from "../../support/eventually.js";
import { freePorts } from "../../support/free-ports.js";
import { RecordingTerminal } from "../../support/recording-terminal.js";
import { temporaryFolders } from "../../support/temporary-folder.js";

// Every test starts processes; a busy machine takes its time.
jest.setTimeout(30_000);

const newFolder = temporaryFolders();
const entry = fileURLToPath(new URL("../../support/stand-in-main.mjs", import.meta.url));

async function portFlags() {
  const port = await freePorts(10);
  return { nodes: "1", port: String(port), basePort: String(port), metricsBasePort: String(port + 5) };
}

function dev(flags: Flags) {
  const terminal = new RecordingTerminal();
  const { config, sources } = resolve(devSchema, flags, {});
  return { terminal, done: runDev({ config, sources, version: "0.0.0", entry, terminal }) };
}

/** What a real Ctrl-C does: this process is the supervisor here. */
function pressCtrlC(): void {
  process.emit("SIGINT");
}

describe("marconi dev", () => {
  test("runs until Ctrl-C, which npm repeats, and can be started again with the same data", async () => {
    const data = path.join(newFolder(), "data");
    const flags = { ...(await portFlags()), data };
    for (let round = 0; round < 2; round++) {
      const { terminal, done } = dev(flags);
      await eventually("the invitation", () => terminal.text.includes("The gateway listens on"));
      expect(terminal.lines[0]).toBe(`Marconi 0.0.0: 1 node, 12 partitions, 1 copy of every message, data in ${data}`);
      pressCtrlC();
      pressCtrlC();
      expect(await done).toBe(0);
      expect(terminal.lines.at(-1)).toBe("all stopped");
    }
    expect(fs.readdirSync(data).sort()).toEqual(["cluster.json", "logs"]);
  });

  test("refuses a folder in use, also to be reset, and names the process", async () => {
    const data = path.join(newFolder(), "data");
    const first = dev({ ...(await portFlags()), data });
    await eventually("the invitation", () => first.terminal.text.includes("The gateway listens on"));
    const before = fs.readFileSync(path.join(data, "cluster.json"), "utf8");
    const second = dev({ ...(await portFlags()), data, reset: true });
    expect(await second.done).toBe(3);
    expect(second.terminal.text).toContain(`in use by the cluster of process ${process.pid}: stop it first`);
    expect(fs.readFileSync(path.join(data, "cluster.json"), "utf8")).toBe(before);
    pressCtrlC();
    expect(await first.done).toBe(0);
  });

  test("refuses ports in use and leaves the lock free", async () => {
    const flags = await portFlags();
    const first = dev({ ...flags, data: newFolder() });
    await eventually("the invitation", () => first.terminal.text.includes("The gateway listens on"));
    const data = newFolder();
    const second = dev({ ...flags, data });
    expect(await second.done).toBe(3);
    expect(second.terminal.text).toContain(
      `(the gateway's metrics) is in use: free it, or choose another with --metrics-base-port`,
    );
    expect(fs.readdirSync(data)).toEqual(["cluster.json"]);
    pressCtrlC();
    expect(await first.done).toBe(0);
  });

  test("grows with --nodes, for good, and refuses to shrink", async () => {
    const data = path.join(newFolder(), "data");
    const flags = { ...(await portFlags()), data };
    const expected = [/ 1 node, /, / 2 nodes, .*\nnew, and asking the others to be taken in: n2\n/, / 2 nodes, /];
    for (const [round, nodes] of ["1", "2", undefined].entries()) {
      const { terminal, done } = dev({ ...flags, nodes });
      await eventually("the invitation", () => terminal.text.includes("The gateway listens on"));
      expect(terminal.text).toMatch(expected[round]!);
      pressCtrlC();
      expect(await done).toBe(0);
    }
    const { terminal, done } = dev(flags);
    expect(await done).toBe(3);
    expect(terminal.text).toContain("remove nodes, with marconi node remove n2 --wait");
  });

  test("--reset makes a new cluster of another shape", async () => {
    const data = newFolder();
    const flags = { ...(await portFlags()), data };
    const idOf = () =>
      (JSON.parse(fs.readFileSync(path.join(data, "cluster.json"), "utf8")) as { clusterId: string }).clusterId;
    const ids: string[] = [];
    for (const more of [{}, { reset: true, partitions: "3" }]) {
      const { terminal, done } = dev({ ...flags, ...more });
      await eventually("the invitation", () => terminal.text.includes("The gateway listens on"));
      ids.push(idOf());
      pressCtrlC();
      await done;
    }
    expect(ids[0]).not.toBe(ids[1]);
  });
});

test("the invitation is ready to be pasted", () => {
  const lines = invitation("http://127.0.0.1:8888", { host: "127.0.0.1", metricsBasePort: 9100 });
  expect(lines.join("\n")).toContain("curl -i -X PUT http://127.0.0.1:8888/v1/queues/demo\n");
  expect(lines.join("\n")).toContain("http://127.0.0.1:9100/metrics");
});
