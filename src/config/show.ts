import { flagName, type Resolved, type Schema, type Settings } from "./schema.js";

/** One line per key: its flag, its value, where the value came from. Secrets are masked. */
export function showConfig<T extends Settings>(schema: Schema<T>, resolved: Resolved<T>): string {
  const rows = Object.entries(schema.settings).map(([key, setting]) => {
    const shown = setting.secret ? "********" : setting.format(resolved.config[key] as never);
    return [flagName(key), shown === "" ? "-" : shown, resolved.sources[key] ?? "default"] as const;
  });
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")).join("\n") + "\n";
}
