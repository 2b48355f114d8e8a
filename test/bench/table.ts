import type { Measurement, RoleUsage } from "./measurement.js";

const count = (value: number): string => Math.round(value).toLocaleString("en-US");
const ms = (value: number): string => (value < 10 ? value.toFixed(2) : value.toFixed(1));
const us = (value: number): string => (Number.isFinite(value) ? value.toFixed(1) : "-");
const mib = (bytes: number): string => `${Math.round(bytes / 2 ** 20)}`;

interface Column {
  readonly title: string;
  readonly text: (row: Measurement) => string;
}

function roles(row: Measurement, role: RoleUsage["role"]): readonly RoleUsage[] {
  return row.usage.filter((usage) => usage.role === role);
}

/** CPU microseconds per message, of the average process of a role; a dash where nobody has it. */
function cpuPerMessage(row: Measurement, role: RoleUsage["role"]): string {
  const having = roles(row, role);
  const cpuUs = having.reduce((sum, usage) => sum + usage.cpuUs, 0) / having.length;
  return us(cpuUs / row.messages);
}

const nodesOf = (row: Measurement): readonly RoleUsage[] => row.usage.filter((usage) => usage.role !== "gateway");

export function messagesPerSecond(row: Measurement): number {
  return row.messages / row.load.seconds;
}

export function unexpectedOf({ load }: Measurement): string {
  return Object.entries(load.unexpected)
    .map(([what, times]) => `${what}: ${times}`)
    .join(", ");
}

const scenarioColumns: readonly Column[] = [
  { title: "what", text: ({ scenario }) => (scenario.kind === "post" ? "post" : "full cycle") },
  { title: "body B", text: ({ scenario }) => String(scenario.bodyBytes) },
  { title: "per request", text: ({ scenario }) => String(scenario.perRequest) },
  { title: "connections", text: ({ scenario }) => String(scenario.connections) },
  { title: "msgs/s", text: (row) => count(messagesPerSecond(row)) },
  { title: "p50 ms", text: ({ load }) => ms(load.all.p50Ms) },
  { title: "p99 ms", text: ({ load }) => ms(load.all.p99Ms) },
  { title: "max ms", text: ({ load }) => ms(load.all.maxMs) },
  { title: "CPU gateway", text: (row) => cpuPerMessage(row, "gateway") },
];

const diskColumns: readonly Column[] = [
  { title: "CPU load", text: (row) => us(row.load.cpuUs / row.messages) },
  { title: "log B/msg", text: (row) => count(row.loggedBytes / row.messages) },
  {
    title: "device B/msg",
    text: ({ deviceBytes, messages }) => (deviceBytes === undefined ? "-" : count(deviceBytes / messages)),
  },
  { title: "RSS node MiB", text: (row) => mib(Math.max(...nodesOf(row).map((usage) => usage.rssBytes))) },
  { title: "RSS gateway MiB", text: (row) => mib(Math.max(...roles(row, "gateway").map((usage) => usage.rssBytes))) },
  { title: "unexpected", text: (row) => unexpectedOf(row) || "none" },
];

/** Load spread over leaders on all nodes: every node leads some partitions and follows in others. */
export const spreadColumns: readonly Column[] = [
  ...scenarioColumns,
  { title: "CPU node", text: (row) => cpuPerMessage(row, "node") },
  ...diskColumns,
];

/** All load on one queue: one node leads, the others follow. */
export const roleColumns: readonly Column[] = [
  ...scenarioColumns,
  { title: "CPU leader", text: (row) => cpuPerMessage(row, "leader") },
  { title: "CPU follower", text: (row) => cpuPerMessage(row, "follower") },
  ...diskColumns,
];

export function markdownTable(columns: readonly Column[], rows: readonly Measurement[]): string {
  const lines = [
    `| ${columns.map((column) => column.title).join(" | ")} |`,
    `|${columns.map((column, i) => (i === 0 || column.title === "unexpected" ? " --- |" : " ---: |")).join("")}`,
    ...rows.map((row) => `| ${columns.map((column) => column.text(row)).join(" | ")} |`),
  ];
  return lines.join("\n");
}

/** A line for people who watch. */
export function progressLine(name: string, row: Measurement): string {
  const { load } = row;
  const wrong = unexpectedOf(row);
  const cpu = row.usage.map((usage) => `${usage.name} ${us(usage.cpuUs / row.messages)}`).join(" ");
  return (
    `${name.padEnd(26)} ${count(messagesPerSecond(row)).padStart(9)} msgs/s  p50 ${ms(load.all.p50Ms)}  p99 ${ms(load.all.p99Ms)}  ` +
    `max ${ms(load.all.maxMs)} ms  CPU us/msg: ${cpu} load ${us(load.cpuUs / row.messages)}` +
    (wrong === "" ? "" : `  UNEXPECTED ${wrong}`)
  );
}
