/** npm run bench:idle: what partitions that nobody uses cost a node. */
import { setTimeout as sleep } from "node:timers/promises";
import { Cluster } from "../chaos/cluster.js";
import { type RunFolder, runFolder } from "../chaos/run-folder.js";
import { CommandFlags, flag, text } from "../support/command-flags.js";
import { describeMachine } from "./machine.js";
import { usageOf } from "./process-usage.js";
import { writeSection } from "./report-file.js";

const usage = `usage: npm run bench:idle -- [flags]
  --partitions 12,512  a cluster of its own for each; the last is compared with the first
  --nodes 3
  --seconds 20         of idleness that are measured
  --settle 10          seconds between the start and the measurement
  --folder DIR         where data is kept while it runs
  --write              put the table into docs/performance.md`;

const flags = new CommandFlags(usage);
const options = {
  ...{ partitions: text, nodes: text, seconds: text, settle: text, folder: text },
  ...{ write: flag, help: flag },
} as const;
const values = flags.parse(process.argv.slice(2), options);
const counts = (values.partitions ?? "12,512").split(",").map((count) => flags.positive(count));
const nodes = flags.positive(values.nodes ?? "3");
const seconds = flags.positive(values.seconds ?? "20");
const settleSeconds = flags.positive(values.settle ?? "10");

const say = (line: string): boolean => process.stdout.write(`${line}\n`);
const percent = (value: number): string => value.toFixed(1);

/** Of one cluster that did nothing: percent of a core that each process used. */
interface Row {
  readonly partitions: number;
  readonly nodes: readonly number[];
  readonly gateway: number;
}

const mean = (numbers: readonly number[]): number => numbers.reduce((sum, each) => sum + each, 0) / numbers.length;

async function measure(partitions: number, folder: string): Promise<Row> {
  const cluster = await Cluster.start({ nodes, partitions, folder });
  cluster.onUnexpectedEnd = (name, end) => {
    say(`${name} ended by itself: ${end.how}\n${cluster.logs()}`);
    process.exit(1);
  };
  try {
    const names = [...cluster.nodes, "gateway"];
    const used = (): number[] => names.map((name) => usageOf(cluster.pid(name)).cpuUs);
    // Leaders go to where they should be, and hot code is compiled.
    await sleep(settleSeconds * 1_000);
    const [before, sinceMs] = [used(), performance.now()];
    await sleep(seconds * 1_000);
    const [after, elapsedUs] = [used(), (performance.now() - sinceMs) * 1_000];
    const shares = after.map((cpuUs, i) => ((cpuUs - (before[i] as number)) / elapsedUs) * 100);
    const row = { partitions, nodes: shares.slice(0, -1), gateway: shares.at(-1) as number };
    say(
      `${partitions} partitions: nodes ${row.nodes.map(percent).join(" ")} % of a core, gateway ${percent(row.gateway)} %`,
    );
    return row;
  } finally {
    await cluster.close();
  }
}

function table(rows: readonly Row[]): string {
  const [first, last] = [rows[0] as Row, rows.at(-1) as Row];
  const added = mean(last.nodes) - mean(first.nodes);
  const lines = rows.map(
    (row) =>
      `| ${row.partitions} | ${row.nodes.map(percent).join(" / ")} | ${percent(mean(row.nodes))} | ${percent(row.gateway)} |`,
  );
  return [
    `${nodes} nodes that hold every partition, ${seconds} s of idleness.`,
    "",
    "| partitions | % of a core, node by node | mean | gateway |",
    "| ---: | ---: | ---: | ---: |",
    ...lines,
    "",
    `From ${first.partitions} to ${last.partitions} partitions: ${percent(added)} % of a core per node.`,
  ].join("\n");
}

const folders: RunFolder[] = [];
const rows: Row[] = [];
for (const partitions of counts) {
  const folder = runFolder("marconi-idle-", values.folder);
  folders.push(folder);
  rows.push(await measure(partitions, folder.path));
}
const report = `${describeMachine((folders[0] as RunFolder).path)}. ${new Date().toISOString().slice(0, 10)}. ${table(rows)}`;
say(`\n${report}`);
if (values.write === true) await writeSection("idle", report);
