/**
 * npm run bench:catchup: a node that was away while a lot of log was written comes back under load. How long it takes to be up
 * to date, and what that costs those who work meanwhile.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { partitionOf } from "../../src/command/index.js";
import { Cluster } from "../chaos/cluster.js";
import { runFolder } from "../chaos/run-folder.js";
import { CommandFlags, flag, text } from "../support/command-flags.js";
import { LoadGenerator } from "./load-generator.js";
import { LoadPhases, type Phase } from "./load-phases.js";
import { describeMachine } from "./machine.js";
import { QueueAdmin } from "./queue-admin.js";
import { writeSection } from "./report-file.js";

const usage = `usage: npm run bench:catchup -- [flags]
  --log-mib 1024      log that every other node writes while one is away
  --seconds 15        of the phases before and after
  --connections 16    clients; each posts 100 messages, claims and deletes them, over and over
  --rate N            messages a second that they post in all; without it, as many as they can
  --bytes 1024        of a message's body
  --pause             the node is stopped with SIGSTOP, not killed
  --folder DIR        where data is kept while it runs
  --write             put the table into docs/performance.md`;

const flags = new CommandFlags(usage);
const options = {
  ...{ "log-mib": text, seconds: text, connections: text, rate: text, bytes: text, folder: text },
  ...{ pause: flag, write: flag, help: flag },
} as const;
const values = flags.parse(process.argv.slice(2), options);
const logMib = flags.positive(values["log-mib"] ?? "1024");
const seconds = flags.positive(values.seconds ?? "15");
const connections = flags.positive(values.connections ?? "16");
const rate = values.rate === undefined ? undefined : flags.positive(values.rate);
const bodyBytes = flags.positive(values.bytes ?? "1024");
const pauses = values.pause === true;

const PARTITIONS = 12;
const QUEUES = 16;
const PER_POST = 100;
const VICTIM = "n3";
const PERIOD_MS = 250;
const WARMUP_MS = 5_000;
const POLL_MS = 100;
/** What a follower that keeps up under this load may lack at any moment; a partition writes some hundred entries a second. */
const LAG_ENTRIES_MAX = 64;
const CATCH_UP_MS_MAX = 300_000;
/** Of the throughput before, while the node catches up. */
const SHARE_MIN = 0.8;

const say = (line: string): boolean => process.stdout.write(`${line}\n`);
const count = (value: number): string => Math.round(value).toLocaleString("en-US");
const mib = (bytes: number): number => bytes / 2 ** 20;

interface CatchUp {
  readonly seconds: number;
  readonly logMib: number;
  /** Snapshots were seen to arrive. */
  readonly bySnapshot: boolean;
}

function queueNames(): string[] {
  const names: string[] = [];
  for (let i = 0; names.length < QUEUES; i++)
    if (partitionOf("", `catch-up-${i}`, PARTITIONS) === names.length % PARTITIONS) names.push(`catch-up-${i}`);
  return names;
}

const others = (cluster: Cluster): string[] => cluster.nodes.filter((node) => node !== VICTIM);

/** The least that any of the others has logged, in MiB. */
async function loggedMib(cluster: Cluster): Promise<number> {
  const bytes = others(cluster).map((node) => cluster.metric(node, "marconi_log_payload_bytes_total"));
  return mib(Math.min(...(await Promise.all(bytes))));
}

async function awayUntilLogged(cluster: Cluster): Promise<number> {
  const before = await loggedMib(cluster);
  if (pauses) cluster.pause(VICTIM);
  else await cluster.kill(VICTIM);
  for (;;) {
    const logged = (await loggedMib(cluster)) - before;
    if (logged >= logMib) return logged;
    await sleep(POLL_MS);
  }
}

/** Followers of the leaders on any node. */
async function lagEntriesMax(cluster: Cluster): Promise<number> {
  const lags = cluster.nodes.map((node) => cluster.samples(node, "marconi_raft_follower_lag_entries"));
  return Math.max(...(await Promise.all(lags)).flat());
}

/** Resolves when the node says that it is ready and no leader finds it behind, twice in a row. */
async function catchUp(cluster: Cluster, logged: number): Promise<CatchUp> {
  const sinceMs = performance.now();
  if (pauses) cluster.resume(VICTIM);
  else cluster.launch(VICTIM);
  let bySnapshot = false;
  for (let upToDate = 0; upToDate < 2;) {
    if (performance.now() - sinceMs > CATCH_UP_MS_MAX) throw new Error(`${VICTIM} is still behind\n${cluster.logs()}`);
    await sleep(POLL_MS);
    bySnapshot ||= (await cluster.metric(VICTIM, "marconi_snapshots_receiving")) > 0;
    const isUpToDate = (await cluster.isReady(VICTIM)) && (await lagEntriesMax(cluster)) <= LAG_ENTRIES_MAX;
    upToDate = isUpToDate ? upToDate + 1 : 0;
  }
  return { seconds: (performance.now() - sinceMs) / 1_000, logMib: logged, bySnapshot };
}

async function measure(cluster: Cluster): Promise<{ readonly phases: readonly Phase[]; readonly caughtUp: CatchUp }> {
  const admin = new QueueAdmin(cluster.host, cluster.port);
  const generator = await LoadGenerator.start();
  const load = new LoadPhases(cluster);
  const queues = queueNames();
  const phases: Phase[] = [];
  const end = (): void => {
    const phase = load.end();
    phases.push(phase);
    say(phaseLine(phase, phases[0] ?? phase));
  };
  try {
    await admin.create(queues);
    const pace = rate === undefined ? {} : { messagesPerSecond: rate };
    const size = { messagesPerPost: PER_POST, bodyBytes, connections, ...pace };
    const times = { warmupMs: WARMUP_MS, measureMs: 0, messagesMax: 0, periodMs: PERIOD_MS };
    const order = { host: cluster.host, port: cluster.port, kind: "cycle", queues, ...size, ...times } as const;
    let opened: () => void = () => undefined;
    const warm = new Promise<void>((resolve) => (opened = resolve));
    const result = generator.run(
      order,
      opened,
      () => undefined,
      (period) => load.add(period),
    );
    await warm;
    load.begin("all nodes");
    await sleep(seconds * 1_000);
    end();
    load.begin(`${VICTIM} is away`);
    const logged = await awayUntilLogged(cluster);
    end();
    load.begin(`${VICTIM} catches up`);
    const caughtUp = await catchUp(cluster, logged);
    end();
    load.begin("all nodes again");
    await sleep(seconds * 1_000);
    end();
    generator.stop();
    const { unexpected } = await result;
    if (Object.keys(unexpected).length > 0) {
      say(`unexpected answers: ${JSON.stringify(unexpected)}`);
      process.exitCode = 1;
    }
    say(`${count(await admin.total(queues))} messages were left`);
    return { phases, caughtUp };
  } finally {
    generator.close();
  }
}

const share = (phase: Phase, first: Phase): string => `${Math.round((phase.perSecond / first.perSecond) * 100)} %`;
const figures = (values: Iterable<number>, digits: number): string =>
  [...values].map((value) => value.toFixed(digits)).join(" / ");

function phaseLine(phase: Phase, first: Phase): string {
  const { name, p50Ms, p99Ms, p99MsMax, maxMs } = phase;
  const latency = `p50 ${p50Ms.toFixed(1)}  p99 ${p99Ms.toFixed(1)} (worst ${p99MsMax.toFixed(0)})  max ${maxMs.toFixed(0)} ms`;
  const rss = [...phase.rss.values()].map(mib);
  return `${name.padEnd(18)} ${phase.seconds.toFixed(1).padStart(5)} s  ${count(phase.perSecond).padStart(7)} msgs/s (${share(phase, first)})  ${latency}  RSS ${figures(rss, 0)} MiB`;
}

/** What it took beyond what the same messages cost before, in seconds of CPU of all processes: the start of the node included. */
function extraCpuSeconds(before: Phase, during: Phase): number {
  return during.cpuSeconds - during.messages * (before.cpuSeconds / before.messages);
}

/** What of the throughput would be kept by processes that get all the CPU of a machine, and no more. */
function shareByCpu(before: Phase, during: Phase): number {
  return before.cpuSeconds / before.messages / (during.cpuSeconds / during.messages);
}

function table(phases: readonly Phase[], caughtUp: CatchUp): string {
  const [first, , during] = phases as readonly [Phase, Phase, Phase];
  const rows = phases.map((phase) => {
    const cpu = [...phase.cpuUs].filter(([name]) => name !== "gateway").map(([, us]) => us);
    const rss = [...phase.rss].filter(([name]) => name !== "gateway").map(([, bytes]) => mib(bytes));
    const latency = [phase.p50Ms, phase.p99Ms, phase.p99MsMax, phase.maxMs].map((ms) => ms.toFixed(1)).join(" | ");
    return `| ${phase.name} | ${phase.seconds.toFixed(1)} | ${count(phase.perSecond)} | ${share(phase, first)} | ${latency} | ${figures(cpu, 1)} | ${figures(rss, 0)} |`;
  });
  const how = pauses ? "was stopped (SIGSTOP)" : "was killed";
  const pace = rate === undefined ? "as fast as they were answered" : `${count(rate)} messages a second`;
  const way = caughtUp.bySnapshot ? "by snapshots and log" : "by log alone";
  return [
    `${connections} clients on ${QUEUES} queues, posts of ${PER_POST} × ${bodyBytes} B, claimed and deleted, ${pace}. ${VICTIM} ${how} until the others had ` +
      `logged ${count(caughtUp.logMib)} MiB each, and was up to date ${caughtUp.seconds.toFixed(1)} s after it went on, ${way}. That took ` +
      `${extraCpuSeconds(first, during).toFixed(1)} s of CPU more than the messages of that time cost before. By CPU per message alone, ` +
      `which work beside it hardly changes, ${Math.round(shareByCpu(first, during) * 100)} % of the throughput were kept.`,
    "",
    "| phase | s | msgs/s | of before | p50 ms | p99 ms | worst p99 ms | max ms | CPU us/msg of the nodes | RSS MiB of the nodes |",
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ...rows,
  ].join("\n");
}

const folder = runFolder("marconi-catch-up-", values.folder);
const cluster = await Cluster.start({ nodes: 3, partitions: PARTITIONS, folder: folder.path });
cluster.onUnexpectedEnd = (name, end) => {
  say(`${name} ended by itself: ${end.how}\n${cluster.logs()}`);
  process.exitCode = 1;
};
try {
  const { phases, caughtUp } = await measure(cluster);
  const report = `${describeMachine(folder.path)}. ${new Date().toISOString().slice(0, 10)}. ${table(phases, caughtUp)}`;
  say(`\n${report}`);
  const [before, , during] = phases as readonly [Phase, Phase, Phase];
  const kept = during.perSecond / before.perSecond;
  if (kept < SHARE_MIN) process.exitCode = 1;
  say(
    `\n${kept < SHARE_MIN ? "FAIL" : "PASS"}  ${Math.round(kept * 100)} % of the throughput was kept; ${SHARE_MIN * 100} % are asked for`,
  );
  if (values.write === true) await writeSection(rate === undefined ? "catch-up" : "catch-up-paced", report);
} finally {
  await cluster.close();
}
