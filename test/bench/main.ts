/** npm run bench: throughput, latency and cost of posts and full cycles over REST, on a cluster of its own. */
import { setTimeout as sleep } from "node:timers/promises";
import { Cluster } from "../chaos/cluster.js";
import { runFolder } from "../chaos/run-folder.js";
import { type BenchFlags, parseFlags } from "./flags.js";
import { LoadGenerator } from "./load-generator.js";
import { describeMachine } from "./machine.js";
import { measure, type Measurement } from "./measurement.js";
import { QueueAdmin } from "./queue-admin.js";
import { writeSection } from "./report-file.js";
import { nameOf } from "./scenario.js";
import { markdownTable, progressLine, roleColumns, spreadColumns, unexpectedOf } from "./table.js";

const SETTLE_MS = 3_000;
const firstScenario = { kind: "cycle", bodyBytes: 100, connections: 64, perRequest: 10, queues: 16 } as const;

const say = (line: string): boolean => process.stdout.write(`${line}\n`);

async function run(flags: BenchFlags, folder: string): Promise<Measurement[]> {
  const cluster = await Cluster.start({ nodes: flags.nodes, partitions: flags.partitions, folder });
  cluster.onUnexpectedEnd = (name, end) => {
    say(`${name} ended: ${end.how}\n${cluster.logs()}`);
    process.exit(1);
  };
  const generator = await LoadGenerator.start();
  try {
    const admin = new QueueAdmin(cluster.host, cluster.port);
    const rows: Measurement[] = [];
    // A cluster that has just started prepares its log segments and compiles its hot code: not what is to be measured.
    await measure(cluster, generator, admin, firstScenario, flags.times);
    await sleep(SETTLE_MS);
    for (const scenario of flags.scenarios) {
      const row = await measure(cluster, generator, admin, scenario, flags.times);
      rows.push(row);
      say(progressLine(nameOf(scenario), row));
    }
    return rows;
  } finally {
    generator.close();
    await cluster.close();
  }
}

async function report(flags: BenchFlags, rows: readonly Measurement[], folder: string): Promise<void> {
  const spread = rows.filter((row) => row.scenario.queues > 1);
  const single = rows.filter((row) => row.scenario.queues === 1);
  const parts = [
    `${describeMachine(folder)}. ${new Date().toISOString().slice(0, 10)}. ${flags.nodes} nodes, ${flags.partitions} partitions, ` +
      `${flags.times.measureMs / 1_000} s a row after ${flags.times.warmupMs / 1_000} s of warm-up.`,
  ];
  if (spread.length > 0) parts.push("Load spread over all nodes:", markdownTable(spreadColumns, spread));
  if (single.length > 0)
    parts.push("All load on one queue, so that one node leads:", markdownTable(roleColumns, single));
  say(`\n${parts.join("\n\n")}`);
  if (flags.write) await writeSection("bench", parts.join("\n\n"));
}

const flags = parseFlags(process.argv.slice(2));
const folder = runFolder("marconi-bench-", flags.folder);
say(`${flags.scenarios.length} rows on ${describeMachine(folder.path)}`);
const rows = await run(flags, folder.path);
await report(flags, rows, folder.path);
const wrong = rows.filter((row) => unexpectedOf(row) !== "");
say(wrong.length === 0 ? "every answer was as expected" : `${wrong.length} rows had unexpected answers`);
process.exitCode = wrong.length === 0 ? 0 : 1;
