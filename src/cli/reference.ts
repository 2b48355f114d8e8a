import { environmentName, flagName, type Schema, schemas, type Settings } from "../config/index.js";
import { errorCatalogue, type ErrorDefinition } from "../contract/index.js";
import type { MetricsRegistry } from "../telemetry/index.js";

/** The processes and what they count, in the order in which they are documented. */
export type MetricsByProcess = ReadonlyMap<string, MetricsRegistry>;

interface MetricDescription {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly labelNames: readonly string[];
}

const GENERATED = "<!-- Written by `npm run docs:generate`; a test keeps it equal to the code. -->";

/** Characters that end a cell or start markup. */
function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;");
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(" | ")} |`;
  return [line(heads), line(heads.map(() => "---")), ...rows.map(line)].join("\n");
}

type Documented = Pick<Schema<Settings>, "command" | "note" | "environmentPrefix" | "settings">;

function settingsTable(schema: Documented): string {
  const rows = Object.entries(schema.settings).map(([key, setting]) => {
    const fallback = setting.fallback === undefined ? "required" : setting.format(setting.fallback as never);
    return [
      `\`--${flagName(key)}\``,
      `\`${environmentName(schema, key)}\``,
      setting.form,
      fallback === "" ? "-" : fallback,
      setting.secret ? `${setting.doc} Secret.` : setting.doc,
    ];
  });
  const note = schema.note === undefined ? "" : `${schema.note}\n\n`;
  const columns = ["flag", "environment", "value", "default", "what it does"];
  return `## marconi ${schema.command}\n\n${note}${table(columns, rows)}`;
}

function configuration(): string {
  return document("Configuration", [
    "A flag wins over the environment, the environment over the default. A flag or a `MARCONI_` variable that no command " +
      "knows is refused. `marconi config <command>` shows what a command would run with, and where each value comes from.",
    ...schemas.map(settingsTable),
  ]);
}

function errors(): string {
  const rows = Object.entries<ErrorDefinition>(errorCatalogue).map(([code, error]) => [
    `\`${code}\``,
    String(error.status),
    error.title,
    error.effect === "none" ? "certainly not" : "maybe",
    error.retriable ? "yes" : "no",
  ]);
  return document("Errors", [
    "Operating errors: expected, catalogued, safe to show. After `unknown-outcome` the write may have happened.",
    table(["code", "HTTP status", "title", "did the write happen?", "retriable"], rows),
  ]);
}

function metricsTable(registry: MetricsRegistry): string {
  // The library's public type of a metric leaves out what every one of them has.
  const metrics = registry.getMetricsAsArray() as unknown as MetricDescription[];
  const rows = metrics
    .filter((metric) => metric.name.startsWith("marconi_"))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, type, labelNames, help }) => [
      `\`${name}\``,
      type,
      labelNames.length === 0 ? "-" : labelNames.map((label) => `\`${label}\``).join(", "),
      help,
    ]);
  return table(["name", "type", "labels", "what it is"], rows);
}

function metricsPage(metrics: MetricsByProcess): string {
  return document("Metrics", [
    "Every process serves its own at `/metrics` of its metrics port, for Prometheus, beside Node's own (`nodejs_`, `process_`).",
    ...[...metrics].map(([name, registry]) => `## ${name}\n\n${metricsTable(registry)}`),
  ]);
}

function document(title: string, parts: readonly string[]): string {
  return `${[`# ${title}`, GENERATED, ...parts].join("\n\n")}\n`;
}

/** The generated part of the documentation: file names and contents. */
export function reference(metrics: MetricsByProcess): Map<string, string> {
  return new Map([
    ["configuration.md", configuration()],
    ["errors.md", errors()],
    ["metrics.md", metricsPage(metrics)],
  ]);
}
