/** npm run bench:restart: how long a node with many waiting messages takes to serve again, and what it holds in memory. */
import { setTimeout as sleep } from "node:timers/promises";
import { Cluster } from "../chaos/cluster.js";
import { runFolder } from "../chaos/run-folder.js";
import { CommandFlags, flag, text } from "../support/command-flags.js";
import { LoadGenerator } from "./load-generator.js";
import { describeMachine } from "./machine.js";
import { rssOf, usageOf } from "./process-usage.js";
import { QueueAdmin } from "./queue-admin.js";
import { writeSection } from "./report-file.js";

const usage = `usage: npm run bench:restart -- [flags]
  --messages 1000000  messages that wait
  --bytes 100         of a message's body
  --folder DIR        where data is kept while it runs
  --write             put the table into docs/performance.md`;

const flags = new CommandFlags(usage);
const options = { messages: text, bytes: text, folder: text, write: flag, help: flag } as const;
const values = flags.parse(process.argv.slice(2), options);
const messages = flags.positive(values.messages ?? "1000000");
const bodyBytes = flags.positive(values.bytes ?? "100");
const PER_POST = 100;
const CONNECTIONS = 16;
const queues = Array.from({ length: 16 }, (_, i) => `backlog-${i}`);
/** Checkpoints that the load has set off are over by then. */
const SETTLE_MS = 5_000;
const AWAY_MS = 2_000;

const say = (line: string): boolean => process.stdout.write(`${line}\n`);
const mib = (bytes: number): string => String(Math.round(bytes / 2 ** 20));

interface Row {
  readonly what: string;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly rss: readonly number[];
}

async function fill(cluster: Cluster, admin: QueueAdmin): Promise<number> {
  const generator = await LoadGenerator.start();
  try {
    await admin.create(queues);
    const times = { warmupMs: 0, measureMs: 0 };
    const load = { messagesPerPost: PER_POST, bodyBytes, messagesMax: messages, connections: CONNECTIONS };
    const order = { host: cluster.host, port: cluster.port, kind: "post", queues, ...load, ...times } as const;
    const result = await generator.run(
      order,
      () => undefined,
      () => undefined,
    );
    if (Object.keys(result.unexpected).length > 0) say(`unexpected answers: ${JSON.stringify(result.unexpected)}`);
    return result.seconds;
  } finally {
    generator.close();
  }
}

const rssOfNodes = (cluster: Cluster): number[] => cluster.nodes.map((node) => rssOf(cluster.pid(node)));

/** Starts nodes that are down, and waits until all of them serve. */
async function start(cluster: Cluster, what: string, nodes: readonly string[]): Promise<Row> {
  const sinceMs = performance.now();
  for (const node of nodes) cluster.launch(node);
  await Promise.all(nodes.map((node) => cluster.ready(node)));
  if (nodes.length === cluster.nodes.length) await cluster.ready("gateway");
  const seconds = (performance.now() - sinceMs) / 1_000;
  const cpuSeconds = nodes.reduce((sum, node) => sum + usageOf(cluster.pid(node)).cpuUs, 0) / nodes.length / 1e6;
  const row = { what, seconds, cpuSeconds, rss: rssOfNodes(cluster) };
  say(
    `${what}: ${seconds.toFixed(2)} s to serving, ${cpuSeconds.toFixed(2)} s of CPU; RSS ${row.rss.map(mib).join(" ")} MiB`,
  );
  return row;
}

async function measure(cluster: Cluster): Promise<Row[]> {
  const admin = new QueueAdmin(cluster.host, cluster.port);
  const fillSeconds = await fill(cluster, admin);
  await sleep(SETTLE_MS);
  const waiting = { what: "waiting, before any restart", seconds: NaN, cpuSeconds: NaN, rss: rssOfNodes(cluster) };
  const rate = Math.round(messages / fillSeconds).toLocaleString("en-US");
  say(
    `${messages} messages of ${bodyBytes} B posted at ${rate}/s; RSS of the nodes ${waiting.rss.map(mib).join(" ")} MiB`,
  );
  const rows: Row[] = [waiting];
  await cluster.kill("n1");
  await sleep(AWAY_MS);
  rows.push(await start(cluster, "n1 after SIGKILL", ["n1"]));
  await sleep(SETTLE_MS);
  if (!(await cluster.stop("n2"))) say("n2 did not stop in order");
  await sleep(AWAY_MS);
  rows.push(await start(cluster, "n2 after SIGTERM", ["n2"]));
  await sleep(SETTLE_MS);
  await Promise.all(cluster.nodes.map((node) => cluster.kill(node)));
  rows.push(await start(cluster, "all nodes after SIGKILL", cluster.nodes));
  const total = await admin.total(queues);
  say(`${total} of ${messages} messages are there`);
  if (total !== messages) process.exitCode = 1;
  return rows;
}

function table(rows: readonly Row[]): string {
  const number = (value: number): string => (Number.isNaN(value) ? "-" : value.toFixed(2));
  const lines = rows.map(({ what, seconds, cpuSeconds, rss }) => {
    return `| ${what} | ${number(seconds)} | ${number(cpuSeconds)} | ${rss.map(mib).join(" / ")} |`;
  });
  return [
    `${messages.toLocaleString("en-US")} waiting messages of ${bodyBytes} B.`,
    "",
    "| what | s to serving | CPU s of the node | RSS MiB of the nodes |",
    "| --- | ---: | ---: | ---: |",
    ...lines,
  ].join("\n");
}

const folder = runFolder("marconi-restart-", values.folder);
const cluster = await Cluster.start({ nodes: 3, partitions: 12, folder: folder.path });
cluster.onUnexpectedEnd = (name, end) => {
  say(`${name} ended by itself: ${end.how}\n${cluster.logs()}`);
  process.exitCode = 1;
};
try {
  const rows = await measure(cluster);
  const report = `${describeMachine(folder.path)}. ${new Date().toISOString().slice(0, 10)}. ${table(rows)}`;
  say(`\n${report}`);
  if (values.write === true) await writeSection("restart", report);
} finally {
  await cluster.close();
}
