import { choice, type Described, integer, type Setting, text } from "./setting.js";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export const logLevels = ["fatal", "error", "warn", "info", "debug", "trace"] as const;
export type LogLevel = (typeof logLevels)[number];

export function uuid(options: Described): Setting<string> {
  return text({ ...options, form: "a UUID in lower case", pattern: UUID });
}

export function partitions(): Setting<number> {
  return integer({
    fallback: 12,
    min: 1,
    max: 4_096,
    doc:
      "Partitions of the cluster, fixed when it is founded. More: queues spread over more leaders and cores; fewer: " +
      "more commands share one disk write.",
  });
}

export function replicationFactor(): Setting<number> {
  return integer({
    fallback: 3,
    min: 1,
    max: 7,
    doc: "Copies of every message. 3 survive the loss of one node, 5 of two; 1 and 2 survive none.",
  });
}

export function logLevel(): Setting<LogLevel> {
  return choice({ among: logLevels, fallback: "info", doc: "The least severe kind of log line that is written." });
}

export function stopTimeoutMs(): Setting<number> {
  return integer({
    fallback: 10_000,
    min: 100,
    max: 600_000,
    doc: "How long an orderly stop may take, in milliseconds, before the process ends anyway and says so.",
  });
}
